// How long the service has been running in all, over restarts: the measure for ages, because a wall clock may say 1970
// after a power cut and jump at any time. Written down only with something else; a crash takes back what came since.
#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

namespace drydock::server {

class ServiceUptime {
public:
  static constexpr const char* setting = "running_ms";

  /// What was written down; 0 for nothing, or nonsense.
  static std::int64_t parse(const std::string& text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return std::max<std::int64_t>(value, 0);
  }

  /// `before`: milliseconds of earlier runs.
  void begin(std::int64_t before) {
    before_ = saved_ = before;
    began_ = Clock::now();
  }

  /// Milliseconds; never goes back while the program runs.
  std::int64_t now() const { return before_ + of_this_run(); }

  /// It is later than that, as another machine says.
  void advance_to(std::int64_t running) { before_ += std::max<std::int64_t>(running - now(), 0); }

  /// Milliseconds of this run.
  std::int64_t of_this_run() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began_).count();
  }

  /// To be written down with the next write, if enough time has passed since the last; counts as done.
  std::optional<std::int64_t> due() {
    constexpr std::int64_t pause = 10 * 60 * 1000;
    if (now() - saved_ < pause) return std::nullopt;
    saved_ = now();
    return saved_;
  }

private:
  std::int64_t before_ = 0;
  std::int64_t saved_ = 0;
  Clock::time_point began_ = Clock::now();
};

}  // namespace drydock::server
