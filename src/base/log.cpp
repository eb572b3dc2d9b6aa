#include "base/log.hpp"

#include "base/clock.hpp"
#include "base/text.hpp"

#include <cstdio>
#include <ctime>
#include <deque>
#include <mutex>

namespace drydock::log {
namespace {

constexpr std::size_t longest_kept = 400;  // bytes of a line

std::mutex mutex;
Level threshold = Level::info;
std::function<void(Level, std::string_view)> sink;

std::deque<Line> kept;
std::size_t most_kept = 0;

const char* word(Level level) {
  switch (level) {
    case Level::error: return "error";
    case Level::warning: return "warning";
    case Level::notice: return "notice";
    case Level::info: return "info";
    case Level::debug: return "debug";
  }
  return "?";
}

std::string with_time(Level level, std::string_view line) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return fmt::format("{:02}:{:02}:{:02} {:7} {}\n", local.tm_hour, local.tm_min, local.tm_sec, word(level), line);
}

}  // namespace

const char* level_name(Level level) {
  return word(level);
}

void keep_recent(std::size_t lines) {
  const std::lock_guard lock(mutex);
  most_kept = lines;
}

std::vector<Line> recent() {
  const std::lock_guard lock(mutex);
  return {kept.begin(), kept.end()};
}

void set_threshold(Level level) {
  threshold = level;
}
bool enabled(Level level) {
  return level <= threshold;
}

void set_sink(std::function<void(Level, std::string_view)> to) {
  const std::lock_guard lock(mutex);
  sink = std::move(to);
}

void write(Level level, std::string_view line, std::vector<systemd::Field> fields) {
  if (!enabled(level)) return;
  const auto safe = printable(line);
  const std::lock_guard lock(mutex);
  if (most_kept != 0) {
    if (kept.size() == most_kept) kept.pop_front();
    kept.push_back({utc_milliseconds(), level, shorten(safe, longest_kept)});
  }
  if (sink) return sink(level, safe);
  static const bool under_journal = systemd::under_journal();
  if (under_journal) {
    const auto priority = fmt::format("{}", static_cast<int>(level));
    fields.insert(fields.end(), {{"MESSAGE", safe}, {"PRIORITY", priority}, {"SYSLOG_IDENTIFIER", "drydock"}});
    if (systemd::send_to_journal(fields)) return;
  }
  const auto text = with_time(level, safe);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string printable(std::string_view text) {
  std::string safe(text);
  for (char& c : safe)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  // C1 controls as UTF-8 has them: some terminals take U+009B for the beginning of an escape sequence.
  for (std::size_t i = 0; i + 1 < safe.size(); ++i)
    if (static_cast<unsigned char>(safe[i]) == 0xc2 && static_cast<unsigned char>(safe[i + 1]) < 0xa0)
      safe[i] = safe[i + 1] = '?';
  // U+202A to U+202E and U+2066 to U+2069 turn the direction of what follows.
  for (std::size_t i = 0; i + 2 < safe.size(); ++i) {
    const auto middle = static_cast<unsigned char>(safe[i + 1]);
    const auto last = static_cast<unsigned char>(safe[i + 2]);
    const bool turns =
        (middle == 0x80 && last >= 0xaa && last <= 0xae) || (middle == 0x81 && last >= 0xa6 && last <= 0xa9);
    if (static_cast<unsigned char>(safe[i]) == 0xe2 && turns) safe.replace(i, 3, "???");
  }
  return safe;
}

}  // namespace drydock::log
