#include "planning/maintenance_window.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <date/tz.h>
#include <fmt/core.h>
#include <vector>

namespace drydock::planning {
namespace {

using namespace std::chrono_literals;
using Minutes = std::chrono::minutes;

constexpr std::array<std::string_view, 7> day_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::size_t most_parts = 50;
constexpr std::size_t longest_words = 400;
constexpr auto shortest_hours = 15min;
constexpr int days_looked_ahead = 366;
constexpr std::int64_t first_of_2025 = 1'735'689'600'000;

// Of a day's minutes; one that ends before it begins goes on into the next day.
struct Hours {
  std::array<bool, 7> days{};  ///< on which it begins, from Sunday
  Minutes begin{};
  Minutes end{};
};
struct Days {
  date::local_days first;
  date::local_days last;
};
struct Window {
  std::vector<Hours> hours;
  std::vector<Days> blackout;
  const date::time_zone* zone = nullptr;
};

std::string_view trimmed(std::string_view text) {
  const auto first = std::min(text.find_first_not_of(' '), text.size());
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    parts.push_back(trimmed(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "22:00"; "24:00" is the end of the day.
std::optional<Minutes> time_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hours = number_of<unsigned>(text.substr(0, 2));
  const auto minutes = number_of<unsigned>(text.substr(3));
  if (!hours || !minutes || *minutes > 59) return std::nullopt;
  const Minutes time(*hours * 60 + *minutes);
  return time <= 24h ? std::optional(time) : std::nullopt;
}

std::optional<std::size_t> day_of_week(std::string_view name) {
  const auto found = std::find(day_names.begin(), day_names.end(), name);
  if (found == day_names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - day_names.begin());
}

// "mon-fri,sun"
bool read_days(std::string_view text, std::array<bool, 7>& days) {
  for (const auto part : parts_of(text, ',')) {
    const auto dash = part.find('-');
    const auto first = day_of_week(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : day_of_week(part.substr(dash + 1));
    if (!first || !last) return false;
    for (auto day = *first;; day = (day + 1) % 7) {
      days[day] = true;
      if (day == *last) break;
    }
  }
  return true;
}

std::optional<Hours> read_hours(std::string_view text) {
  Hours hours;
  const auto blank = text.rfind(' ');
  if (blank == std::string_view::npos)
    hours.days.fill(true);
  else if (!read_days(trimmed(text.substr(0, blank)), hours.days))
    return std::nullopt;
  const auto times = text.substr(blank == std::string_view::npos ? 0 : blank + 1);
  const auto dash = times.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto begin = time_of_day(times.substr(0, dash));
  const auto end = time_of_day(times.substr(dash + 1));
  if (!begin || !end || *begin == *end || *begin == 24h) return std::nullopt;
  // Time for the largest module.
  if ((*end - *begin + 24h) % 24h < shortest_hours && *end - *begin != 24h) return std::nullopt;
  hours.begin = *begin;
  hours.end = *end;
  return hours;
}

// "2026-12-20"
std::optional<date::local_days> read_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = number_of<int>(text.substr(0, 4));
  const auto month = number_of<unsigned>(text.substr(5, 2));
  const auto day = number_of<unsigned>(text.substr(8));
  if (!year || !month || !day) return std::nullopt;
  const auto when = date::year(*year) / date::month(*month) / date::day(*day);
  return when.ok() ? std::optional(date::local_days(when)) : std::nullopt;
}

std::optional<Days> read_blackout(std::string_view text) {
  const auto slash = text.find('/');
  const auto first = read_date(trimmed(text.substr(0, slash)));
  const auto last = slash == std::string_view::npos ? first : read_date(trimmed(text.substr(slash + 1)));
  if (!first || !last || *last < *first) return std::nullopt;
  return Days{*first, *last};
}

Result<Window> parse(const WindowWords& words) {
  Window window;
  if (words.hours.size() > longest_words || words.blackout.size() > longest_words)
    return failure(ErrorKind::malformed, fmt::format("hours, and days, have at most {} bytes", longest_words));
  const auto hours = lower_ascii(words.hours);
  for (const auto part : parts_of(hours, ';')) {
    auto read = read_hours(part);
    if (!read)
      return failure(ErrorKind::malformed,
          fmt::format("'{}' are no hours: \"22:00-05:00\" or \"mon-fri 22:00-05:00; sat,sun 00:00-24:00\" would be; at "
                      "least a quarter of an hour",
              part));
    window.hours.push_back(*read);
  }
  for (const auto part : parts_of(words.blackout, ';')) {
    const auto days = read_blackout(part);
    if (!days)
      return failure(ErrorKind::malformed,
          fmt::format("'{}' are no days: \"2026-12-24\" or \"2026-12-20/2027-01-06\" would be", part));
    window.blackout.push_back(*days);
  }
  if (window.hours.size() + window.blackout.size() > most_parts)
    return failure(ErrorKind::malformed, fmt::format("more than {} hours and days together", most_parts));
  try {
    window.zone = date::locate_zone(words.time_zone.empty() ? "Etc/UTC" : words.time_zone);
  } catch (const std::exception&) {
    return failure(ErrorKind::malformed,
        fmt::format("this machine knows no time zone '{}': 'timedatectl list-timezones' lists them (package tzdata)",
            words.time_zone));
  }
  return window;
}

using LocalTime = date::local_time<std::chrono::milliseconds>;
using UtcTime = date::sys_time<std::chrono::milliseconds>;

bool is_blacked_out(const Window& window, date::local_days day) {
  return std::any_of(window.blackout.begin(), window.blackout.end(),
      [&](const Days& days) { return days.first <= day && day <= days.last; });
}

bool begins_on(const Hours& hours, date::local_days day) {
  return hours.days[date::weekday(day).c_encoding()];
}

bool is_open(const Window& window, std::int64_t utc) {
  if (!is_plausible_time(utc)) return false;
  const LocalTime local = window.zone->to_local(UtcTime(std::chrono::milliseconds(utc)));
  const auto day = date::floor<date::days>(local);
  const auto time = local - day;
  if (is_blacked_out(window, day)) return false;
  return window.hours.empty() || std::any_of(window.hours.begin(), window.hours.end(), [&](const Hours& hours) {
    if (hours.begin < hours.end) return begins_on(hours, day) && hours.begin <= time && time < hours.end;
    return (begins_on(hours, day) && time >= hours.begin) ||
        (begins_on(hours, day - date::days(1)) && time < hours.end);
  });
}

}  // namespace

bool is_plausible_time(std::int64_t utc) {
  return utc >= first_of_2025;
}

std::string window_words(const WindowWords& words) {
  auto text = words.hours.empty() ? std::string("at any time") : words.hours;
  text += fmt::format(" ({})", words.time_zone.empty() ? "UTC" : words.time_zone);
  if (!words.blackout.empty()) text += ", not on " + words.blackout;
  return text;
}

Result<void> check_window(const WindowWords& words) {
  const auto window = parse(words);
  if (!window) return tl::unexpected(window.error());
  return {};
}

bool is_open(const WindowWords& words, std::int64_t utc) {
  if (words.empty()) return true;
  const auto window = parse(words);
  return window && is_open(*window, utc);
}

std::optional<std::int64_t> opens_at(const WindowWords& words, std::int64_t utc) {
  if (words.empty()) return utc;
  const auto window = parse(words);
  if (!window || !is_plausible_time(utc)) return std::nullopt;
  if (is_open(*window, utc)) return utc;
  // It opens at the beginning of some hours, or of a day: behind one without any.
  const auto today = date::floor<date::days>(window->zone->to_local(UtcTime(std::chrono::milliseconds(utc))));
  for (auto day = today; day <= today + date::days(days_looked_ahead); day += date::days(1)) {
    if (is_blacked_out(*window, day)) continue;
    std::optional<std::int64_t> first;
    const auto consider = [&](Minutes time) {
      const auto at = window->zone->to_sys(LocalTime(day) + time, date::choose::earliest).time_since_epoch().count();
      if (at >= utc && is_open(*window, at) && (!first || at < *first)) first = at;
    };
    consider(Minutes{});
    for (const auto& hours : window->hours) consider(hours.begin);
    if (first) return first;
  }
  return std::nullopt;
}

}  // namespace drydock::planning
