// When devices may be sent something: hours of the week in a time zone, and days on which nothing is. Pure: the time is
// passed in.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drydock::planning {

/// As people say it.
struct WindowWords {
  std::string hours;      ///< "mon-fri 22:00-05:00; sat,sun 00:00-24:00"; empty: always
  std::string time_zone;  ///< "Europe/Berlin" (IANA); empty: UTC
  std::string blackout;   ///< days without any: "2026-12-20/2027-01-06; 2027-05-01"; empty: none
  bool empty() const { return hours.empty() && blackout.empty(); }
  bool operator==(const WindowWords&) const = default;
};

/// "mon-fri 22:00-05:00 (Europe/Berlin), not on 2026-12-20/2027-01-06".
std::string window_words(const WindowWords& words);

/// ErrorKind::malformed, with what would be right.
Result<void> check_window(const WindowWords& words);

/// Times are UTC milliseconds. A clock that was never set opens none, nor do words that cannot be read (any more: a
/// time zone that this machine does not know).
bool is_open(const WindowWords& words, std::int64_t utc);
/// The next time, from `utc` on, at which it is open; nothing within a year.
std::optional<std::int64_t> opens_at(const WindowWords& words, std::int64_t utc);
/// Whether a clock that says so was ever set.
bool is_plausible_time(std::int64_t utc);

}  // namespace drydock::planning
