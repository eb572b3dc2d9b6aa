// Waits until devices, or a rollout, are what a script wants them to be.
#include "base/clock.hpp"
#include "cli/pause.hpp"
#include "cli/standing.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>

namespace drydock::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 500ms;
constexpr auto ask_every = 2s;  // of another machine
// Exit statuses, for scripts; the last one is that of timeout(1).
constexpr int given_up = 3;
constexpr int not_in_time = 124;
constexpr int ended_by_sigint = 128 + SIGINT;

// "90", "90s", "10m", "2h".
Result<std::chrono::seconds> parse_duration(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  const std::int64_t factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  constexpr std::int64_t longest = 30LL * 24 * 3600;
  if (error != std::errc() || number < 0 || factor == 0 || number > longest / factor)
    return failure(ErrorKind::malformed, "a time is written as 90s, 10m or 2h");
  return std::chrono::seconds(number * factor);
}

int report(const Context& context, int status, const Standing& standing) {
  if (!context.json) return status;
  const auto* outcome = status == 0 ? "reached" : status == given_up ? "stuck" : "timed_out";
  fmt::print("{}\n",
      nlohmann::json{{"outcome", outcome}, {"left", standing.left}}.dump(
          2, ' ', false, nlohmann::json::error_handler_t::replace));
  return status;
}

// What is waited for, once.
void tell(const Context& context, const std::string& words, std::string& told) {
  if (context.json || std::exchange(told, words) == words) return;
  fmt::print("waits for {}\n", words);
  std::fflush(stdout);
}

bool may_go_later(const Error& error) {
  return error.kind == ErrorKind::closed || error.kind == ErrorKind::rate_limited;
}

}  // namespace

int wait(const Context& context, WaitOptions options) {
  const auto patience = parse_duration(options.timeout);
  if (!patience) return print_error(patience.error().message);
  if (!options.connected) options.current = true;
  const auto look =
      options.rollout != 0 ? standing_of_rollout(context, options) : standing_of_devices(context, options);
  if (!look) return print_error(look.error().message);
  const auto deadline = Clock::now() + *patience;
  Pause pause;
  std::string told;
  std::string problem;
  Standing standing;
  for (;;) {
    const auto began = Clock::now();
    auto seen = (*look)();
    if (seen) {
      standing = std::move(*seen);
      if (!standing.reached.empty()) {
        if (!context.json) fmt::print("{}\n", standing.reached);
        return report(context, 0, standing);
      }
      if (!standing.stuck.empty()) {
        for (const auto& words : standing.stuck) print_error(words);
        return report(context, given_up, standing);
      }
      tell(context, standing.words, told);
    } else if (!may_go_later(seen.error())) {
      return print_error(seen.error().message);
    }
    const auto wrong = !seen ? seen.error().message + ": it is asked again"
        : standing.running   ? ""
                             : "Drydock is not running: nothing happens until 'drydock serve', or systemd, starts it";
    if (std::exchange(problem, wrong) != wrong && !wrong.empty()) print_error(wrong);
    if (Clock::now() >= deadline) {
      for (const auto& words : standing.missing) print_error("not in time: " + words);
      return report(context, not_in_time, standing);
    }
    // A fleet that takes long to be looked at must not be kept busy by that.
    const auto now = Clock::now();
    const auto next = std::max<Clock::duration>(options.remote.url.empty() ? look_every : ask_every, 3 * (now - began));
    if (!pause.take(std::min<Clock::duration>(next, deadline - now))) return ended_by_sigint;
  }
}

}  // namespace drydock::cli
