// A table of the fleet that stays fresh, for a person at a terminal.
#include "base/clock.hpp"
#include "cli/open_store.hpp"
#include "cli/pause.hpp"
#include "server/commands.hpp"
#include "server/state_words.hpp"
#include "cli/table.hpp"
#include "firmware/platforms.hpp"
#include "store/device_list.hpp"
#include "store/rollouts.hpp"
#include "store/updates.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace drydock::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 1s;
constexpr std::size_t rows_without_terminal = 50;
constexpr std::size_t columns_without_terminal = 120;

struct Size {
  std::size_t rows;
  std::size_t columns;
};

Size terminal_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 5 || size.ws_col < 20)
    return {rows_without_terminal, columns_without_terminal};
  return {size.ws_row, size.ws_col};
}

std::string progress_of(store::Database& db, const store::DeviceRow& row) {
  const auto step = row.connected ? store::step_in_flight(db, row.id) : std::nullopt;
  if (!step || step->state != "sending" || step->bytes_total == 0) return "";
  return fmt::format(" {} %", step->bytes_acknowledged * std::uint64_t{100} / step->bytes_total);
}

// Cut at whole characters.
std::string cut(const std::string& line, std::size_t columns) {
  std::size_t shown = 0;
  std::size_t end = 0;
  while (end < line.size() && shown < columns) {
    ++end;
    while (end < line.size() && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) ++end;
    ++shown;
  }
  return line.substr(0, end);
}

std::vector<std::string> lines_of(const Context& context, std::size_t most) {
  auto db = open_to_read(context);
  const auto now = utc_milliseconds();
  const auto away_before = store::away_before(context.configuration.away_days, now);
  std::vector<std::string> words;
  std::int64_t devices = 0;
  for (const auto& [state, count] : store::count_devices(db, away_before)) {
    words.push_back(server::counted_state(state, count));
    devices += count;
  }
  std::vector<std::string> lines{fmt::format(
      "{} device{}{}{}", devices, devices == 1 ? "" : "s", devices == 0 ? "" : ": ", fmt::join(words, ", "))};
  store::DeviceQuery query;
  query.order = store::DeviceOrder::urgency;
  query.away_before = away_before;
  query.limit = static_cast<int>(most > 3 ? most - 3 : 1);
  const auto page = store::list_devices(db, query);
  if (!page) return lines;
  const bool running = is_running(context, db);
  if (!running) lines.front() += ". Drydock is not running: 'drydock serve' starts it";
  if (server::commands::is_paused(db)) lines.front() += ". All updates are paused: 'drydock resume'";
  if (const auto stopped = store::load_stopped_rollouts(db); !stopped.empty())
    lines.front() += fmt::format(". Rollout {} has stopped by itself", stopped.front().id);
  std::vector<std::vector<std::string>> cells{{"DEVICE", "PLATFORM", "SEEN", "STATE"}};
  for (const auto& [row, shown, session] : page->devices)
    cells.push_back({row.name.empty() ? row.id : row.name, firmware::platform_name(row.platform),
        row.connected && running ? "connected" : ago(row.last_seen, now),
        server::state_in_words(row, away_before) + progress_of(db, row)});
  const auto text = table(cells);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  if (!page->next.empty()) lines.push_back("and more: 'drydock devices list' has all");
  return lines;
}

void redraw(const std::vector<std::string>& lines, std::size_t columns) {
  std::string text = "\x1b[H";
  for (const auto& line : lines) text += cut(line, columns) + "\x1b[K\n";
  fmt::print("{}\x1b[J", text);
  std::fflush(stdout);
}

// A key is read without Enter behind it, and not shown.
class KeysAtOnce {
public:
  KeysAtOnce() {
    // In the background the terminal is somebody else's.
    active_ = ::tcgetattr(STDIN_FILENO, &before_) == 0 && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
    if (!active_) return;
    auto at_once = before_;
    at_once.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &at_once);
  }
  ~KeysAtOnce() {
    if (active_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  KeysAtOnce(const KeysAtOnce&) = delete;
  KeysAtOnce& operator=(const KeysAtOnce&) = delete;
  bool active() const { return active_; }

private:
  termios before_{};
  bool active_ = false;
};

}  // namespace

int watch(const Context& context, bool once) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  if (once || !terminal) {
    for (const auto& line : lines_of(context, rows_without_terminal)) fmt::print("{}\n", line);
    return 0;
  }
  Pause pause;
  const KeysAtOnce keys;
  if (keys.active()) pause.end_at("qQ");
  // On a screen of its own, without the cursor; what was there before comes back.
  fmt::print("\x1b[?1049h\x1b[?25l");
  std::string problem;
  try {
    do {
      const auto size = terminal_size();
      redraw(lines_of(context, size.rows), size.columns);
    } while (pause.take(look_every));
  } catch (const std::exception& e) {
    problem = e.what();
  }
  fmt::print("\x1b[?25h\x1b[?1049l");
  std::fflush(stdout);
  return problem.empty() ? 0 : print_error(problem);
}

}  // namespace drydock::cli
