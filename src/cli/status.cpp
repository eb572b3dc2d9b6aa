#include "base/clock.hpp"
#include "base/limits.hpp"
#include "server/as_json.hpp"
#include "cli/open_store.hpp"
#include "cli/state_words.hpp"
#include "cli/table.hpp"
#include "store/access.hpp"
#include "store/device_list.hpp"
#include "store/nodes.hpp"
#include "store/rollouts.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <map>
#include <nlohmann/json.hpp>

namespace drydock::cli {
namespace {

// Somebody whose device was rejected looks here first, and for a day.
constexpr std::int64_t recent = 24 * 3600 * 1000;
constexpr int devices_shown = 100;
constexpr std::int64_t node_is_there = std::chrono::milliseconds(limits::node_gone).count();

std::vector<store::HistoryRow> recent_refusals(store::Database& db, std::int64_t now) {
  std::vector<store::HistoryRow> rows;
  for (const auto* kind : {"wrong_server_key", "changed_key", "refused"})
    for (auto& row : store::recent_history_of_kind(db, kind, 10))
      if (now - row.at < recent) rows.push_back(std::move(row));
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.at > b.at; });
  return rows;
}

// Devices that are not current, the state with the fewest devices first: it is what a person should see.
std::vector<store::DeviceRow> not_current(
    store::Database& db, const std::map<std::string, std::int64_t>& counts, std::int64_t away_before) {
  std::vector<std::pair<std::int64_t, std::string>> states;
  for (const auto& [state, count] : counts)
    if (state != "current") states.emplace_back(count, state);
  std::sort(states.begin(), states.end());
  std::vector<store::DeviceRow> rows;
  for (const auto& [count, state] : states) {
    store::DeviceQuery query;
    query.state = state;
    query.away_before = away_before;
    query.limit = devices_shown - static_cast<int>(rows.size());
    if (query.limit <= 0) break;
    if (auto page = store::list_devices(db, query))
      for (auto& device : page->devices) rows.push_back(std::move(device.row));
  }
  return rows;
}

}  // namespace

int status(const Context& context) {
  auto db = open_to_read(context);
  const auto now = utc_milliseconds();
  const auto away_before = store::away_before(context.configuration.away_days, now);
  const auto nodes = store::load_nodes(db);
  const bool running = state::ServiceLock::is_taken(folder_of(context)) ||
      std::any_of(nodes.begin(), nodes.end(), [now](const auto& node) { return now - node.seen < node_is_there; });
  const auto refusals = recent_refusals(db, now);
  const auto stopped = store::load_stopped_rollouts(db);
  if (context.json) {
    auto rows = store::load_devices(db);
    for (auto& row : rows) row.connected = row.connected && running;
    auto told = nlohmann::json::parse(server::status_as_json(running, rows, refusals, away_before));
    told["stopped_rollouts"] = nlohmann::json::array();
    for (const auto& row : stopped)
      told["stopped_rollouts"].push_back({{"id", row.id}, {"release", row.release}, {"words", row.rollout.words}});
    fmt::print("{}\n", told.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  fmt::print("Drydock {}.\n", running ? "is running" : "is not running: 'drydock serve' starts it");
  if (const auto code = store::load_setting(db, "setup_code"))
    fmt::print("The page has no password yet. Open it and set one with the set-up code {}.\n", *code);
  for (const auto& node : nodes)
    fmt::print("Machine {}: {} device{} connected, {} being sent a module, seen {}.\n", log::printable(node.name),
        node.connected, node.connected == 1 ? "" : "s", node.updating, ago(node.seen, now));
  for (const auto& row : stopped)
    fmt::print("Rollout {} of '{}' has stopped by itself: {}. 'drydock rollouts show {}' says more.\n", row.id,
        log::printable(row.release), log::printable(row.rollout.words), row.id);
  const auto states = store::count_devices(db, away_before);
  std::int64_t devices = 0;
  for (const auto& [state, count] : states) devices += count;
  fmt::print("{} device{}", devices, devices == 1 ? "" : "s");
  for (const auto& [state, count] : states) fmt::print(", {} {}", count, state_name(state));
  fmt::print(".\n");
  for (const auto& row : not_current(db, states, away_before)) {
    std::string progress;
    if (const auto step = store::step_in_flight(db, row.id);
        running && row.connected && row.state == "updating" && step && step->state == "sending" && step->bytes_total)
      progress = fmt::format(" ({} %)", step->bytes_acknowledged * std::uint64_t{100} / step->bytes_total);
    fmt::print("  {}  {}{}\n", row.name.empty() ? row.id : log::printable(row.name),
        log::printable(state_in_words(row, away_before)), progress);
  }
  const auto current = states.find("current");
  if (const auto left = devices - (current == states.end() ? 0 : current->second) - devices_shown; left > 0)
    fmt::print("  and {} more: 'drydock devices list --state STATE' shows them\n", left);
  if (!refusals.empty()) fmt::print("\nTurned away in the last day:\n");
  for (const auto& refusal : refusals) fmt::print("  {}  {}\n", ago(refusal.at, now), log::printable(refusal.words));
  return 0;
}

}  // namespace drydock::cli
