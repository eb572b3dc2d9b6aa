// Columns of text for a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace drydock::cli {

/// Pads every column but the last to its widest cell. The first row is the heading. Control characters are made
/// visible.
std::string table(const std::vector<std::vector<std::string>>& rows);

/// "2 minutes ago", "just now", "never" for 0. Times are UTC milliseconds.
std::string ago(std::int64_t then, std::int64_t now);

/// "2026-11-23 18:05:48", local time.
std::string local_time(std::int64_t then);

}  // namespace drydock::cli
