// One line an event: to the journal under systemd, with fields to search by; elsewhere on standard error, with the
// time.
#pragma once

#include "base/systemd.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>
#include <fmt/core.h>
#include <functional>
#include <string>
#include <string_view>

namespace drydock::log {

/// The numbers are syslog's, as journald reads them.
enum class Level { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// `fields` go to the journal only: {"DRYDOCK_DEVICE", id}, say.
void write(Level level, std::string_view line, std::vector<systemd::Field> fields = {});

/// Lines less important than this are not written.
void set_threshold(Level level);
bool enabled(Level level);

const char* level_name(Level level);

/// The lines that were written last, oldest first, if keep_recent() was called before them.
struct Line {
  std::int64_t at = 0;  ///< UTC milliseconds
  Level level = Level::info;
  std::string text;
};
void keep_recent(std::size_t lines);
std::vector<Line> recent();

/// Sends the lines elsewhere (tests read them, the demo hides them); an empty function restores standard error.
void set_sink(std::function<void(Level, std::string_view)> sink);

/// Control characters become '?', so that a text from a device can never forge a line.
std::string printable(std::string_view text);

template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::notice, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace drydock::log
