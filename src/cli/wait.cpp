// Waits until devices are what a script wants them to be.
#include "base/clock.hpp"
#include "cli/find_device.hpp"
#include "cli/open_store.hpp"
#include "cli/pause.hpp"
#include "server/commands.hpp"
#include "server/state_words.hpp"
#include "server/stored_view.hpp"
#include "store/device_list.hpp"
#include "store/modules.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace drydock::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 500ms;
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

// What the service has written of it may be older than what somebody said just now: it is planned here too.
bool needs_nothing(const server::DeviceView& view, const firmware::Library& library) {
  if (store::shown_state(view.row, 0) != "current") return false;
  return view.modules_stored.empty() ||
      planning::plan(server::last_report(view), library, view.policy.targets).current();
}

// Nothing that is waited for happens before a person does something.
bool waits_for_person(const store::DeviceRow& row, const WaitOptions& options) {
  const auto state = store::shown_state(row, 0);
  return state == "refused" || state == "unknown_key" || state == "awaiting_approval" ||
      (options.current && (state == "parked" || state == "blocked" || state == "held"));
}

std::string name_of(const store::DeviceRow& row) {
  return row.name.empty() ? row.id : log::printable(row.name);
}

struct Look {
  std::vector<store::DeviceRow> left;  ///< not what they should be yet
  std::vector<std::string> stuck;      ///< of these, in words
  bool running = false;                ///< the service
};

Result<Look> look(
    const Context& context, store::Database& db, const WaitOptions& options, const std::vector<std::string>& ids) {
  Look seen;
  const bool running = seen.running = is_running(context, db);
  const auto library = store::load_library(db);
  const bool paused = server::commands::is_paused(db);
  for (const auto& id : ids) {
    const auto view = server::stored_view(db, id);
    if (!view) return failure(ErrorKind::not_found, "device " + id + " was forgotten meanwhile");
    const auto& row = view->row;
    if ((!options.connected || (running && row.connected)) && (!options.current || needs_nothing(*view, library)))
      continue;
    if (paused && options.current && row.state != "updating" && !needs_nothing(*view, library))
      seen.stuck.push_back(name_of(row) + " waits: all updates are paused, 'drydock resume' lets them go on");
    else if (waits_for_person(row, options))
      seen.stuck.push_back(name_of(row) + " " + server::state_in_words(row, 0));
    seen.left.push_back(row);
  }
  return seen;
}

int report(const Context& context, int status, const Look& seen) {
  if (!context.json) return status;
  auto left = nlohmann::json::array();
  for (const auto& row : seen.left)
    left.push_back({{"id", row.id}, {"name", row.name}, {"state", row.state}, {"state_words", row.state_words}});
  const auto* outcome = status == 0 ? "reached" : status == given_up ? "stuck" : "timed_out";
  fmt::print("{}\n",
      nlohmann::json{{"outcome", outcome}, {"left", left}}.dump(
          2, ' ', false, nlohmann::json::error_handler_t::replace));
  return status;
}

}  // namespace

int wait(const Context& context, WaitOptions options) {
  const auto patience = parse_duration(options.timeout);
  if (!patience) return print_error(patience.error().message);
  if (!options.connected) options.current = true;
  std::vector<std::string> ids;
  {
    auto db = open_to_read(context);
    const auto rows = select_devices(db, options.devices);
    if (!rows) return print_error(rows.error().message);
    for (const auto& row : *rows) ids.push_back(row.id);
  }
  const auto deadline = Clock::now() + *patience;
  Pause pause;
  std::string told;
  bool warned = false;
  for (;;) {
    // Opened anew: a restore may have put another file in its place.
    auto db = open_to_read(context);
    const auto seen = look(context, db, options, ids);
    if (!seen) return print_error(seen.error().message);
    if (seen->left.empty()) {
      if (!context.json)
        fmt::print("{} device{} {}{}\n", ids.size(), ids.size() == 1 ? "" : "s", ids.size() == 1 ? "is " : "are ",
            options.current ? "up to date" : "connected");
      return report(context, 0, *seen);
    }
    if (!seen->stuck.empty() && seen->stuck.size() == seen->left.size()) {
      for (const auto& words : seen->stuck) print_error(words);
      return report(context, given_up, *seen);
    }
    if (Clock::now() >= deadline) {
      for (const auto& row : seen->left)
        print_error(fmt::format("not in time: {} {}", name_of(row), server::state_in_words(row, 0)));
      return report(context, not_in_time, *seen);
    }
    if (!seen->running && !std::exchange(warned, true))
      print_error("Drydock is not running: nothing happens until 'drydock serve', or systemd, starts it");
    const auto& first = seen->left.front();
    auto words = fmt::format("waits for {}{}: {}", name_of(first),
        seen->left.size() == 1 ? "" : fmt::format(" and {} more", seen->left.size() - 1),
        server::state_in_words(first, 0));
    if (!context.json && std::exchange(told, words) != words) {
      fmt::print("{}\n", words);
      std::fflush(stdout);
    }
    if (!pause.take(look_every)) return ended_by_sigint;
  }
}

}  // namespace drydock::cli
