#include "cli/demo_display.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/core.h>
#include <unistd.h>

namespace drydock::cli {
namespace {

std::string bar(std::size_t bytes, std::size_t total) {
  constexpr std::size_t width = 30;
  const auto filled = total ? bytes * width / total : 0;
  std::string text = "[";
  for (std::size_t i = 0; i < width; ++i) text += i < filled ? '#' : '.';
  return text + fmt::format("] {:3} %", total ? bytes * 100 / total : 0);
}

std::string state_line(const DemoRow& row) {
  if (!row.sending.empty()) return fmt::format("{} {}", bar(row.bytes, row.total), row.sending);
  if (!row.connected && row.state != "current") return "resetting…  " + row.words;
  return row.words;
}

}  // namespace

DemoDisplay::DemoDisplay(const std::string& title) : terminal_(::isatty(STDOUT_FILENO) == 1) {
  fmt::print("{}\n\n", title);
}

void DemoDisplay::show(const std::vector<DemoRow>& rows) {
  if (terminal_)
    redraw(rows);
  else
    tell(rows);
  std::fflush(stdout);
}

void DemoDisplay::redraw(const std::vector<DemoRow>& rows) {
  std::string text;
  if (lines_ != 0) text += fmt::format("\x1b[{}A", lines_);
  std::size_t lines = 0;
  const auto line = [&](const std::string& content) {
    text += content + "\x1b[K\n";
    ++lines;
  };
  for (const auto& row : rows) {
    line(fmt::format("\x1b[1m{}\x1b[0m  {}{}", row.id, row.name, row.safe_mode ? "  \x1b[33msafe mode\x1b[0m" : ""));
    line(fmt::format("  {}{}\x1b[0m", row.state == "current" ? "\x1b[32m" : "", state_line(row)));
    for (const auto& step : row.plan) line("  plan: " + step);
  }
  while (lines < lines_) line("");
  lines_ = lines;
  fmt::print("{}", text);
}

// For a file or a pipe: quarters of progress are enough.
void DemoDisplay::tell(const std::vector<DemoRow>& rows) {
  for (const auto& row : rows) {
    if (told_plan_[row.id] != row.plan) {
      told_plan_[row.id] = row.plan;
      for (std::size_t i = 0; i < row.plan.size(); ++i)
        fmt::print("{}  plan {}/{}: {}\n", row.id, i + 1, row.plan.size(), row.plan[i]);
    }
    std::string now = row.sending.empty()
        ? row.words
        : fmt::format("{} {} %", row.sending, row.total ? row.bytes * 4 / row.total * 25 : 0);
    if (now.empty() || told_[row.id] == now) continue;
    fmt::print("{}  {} ({})\n", row.id, now, row.name);
    told_[row.id] = std::move(now);
  }
}

void DemoDisplay::finish(const std::string& words) {
  fmt::print("\n{}\n", words);
  std::fflush(stdout);
}

}  // namespace drydock::cli
