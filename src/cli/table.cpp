#include "cli/table.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <ctime>
#include <fmt/core.h>

namespace drydock::cli {

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i != 0) line += "  ";
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}", row[i], widths[i]);
    }
    text += log::printable(line) + "\n";
  }
  return text;
}

std::string ago(std::int64_t then, std::int64_t now) {
  if (then == 0) return "never";
  const auto seconds = std::max<std::int64_t>(0, (now - then) / 1000);
  const auto count = [](std::int64_t n, const char* unit) {
    return fmt::format("{} {}{} ago", n, unit, n == 1 ? "" : "s");
  };
  if (seconds < 5) return "just now";
  if (seconds < 120) return count(seconds, "second");
  if (seconds < 7200) return count(seconds / 60, "minute");
  if (seconds < 172800) return count(seconds / 3600, "hour");
  return count(seconds / 86400, "day");
}

std::string local_time(std::int64_t then) {
  const std::time_t seconds = then / 1000;
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday,
      local.tm_hour, local.tm_min, local.tm_sec);
}

}  // namespace drydock::cli
