#include "base/clock.hpp"
#include "server/as_json.hpp"
#include "server/commands.hpp"
#include "cli/open_store.hpp"
#include "integrations/message.hpp"
#include "state/listening.hpp"
#include "state/page_certificate.hpp"
#include "server/state_words.hpp"
#include "cli/table.hpp"
#include "store/access.hpp"
#include "store/device_list.hpp"
#include "store/integrations.hpp"
#include "store/nodes.hpp"
#include "store/rollouts.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

namespace drydock::cli {
namespace {

// Somebody whose device was rejected looks here first, and for a day.
constexpr std::int64_t recent = 24 * 3600 * 1000;
constexpr int devices_shown = 5;  // of a state

std::vector<store::HistoryRow> recent_refusals(store::Database& db, std::int64_t now) {
  std::vector<store::HistoryRow> rows;
  for (const auto* kind : {"wrong_server_key", "changed_key", "refused"})
    for (auto& row : store::recent_history_of_kind(db, kind, 10))
      if (now - row.at < recent) rows.push_back(std::move(row));
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.at > b.at; });
  return rows;
}

constexpr std::array under_way{"updating"};

struct Shown {
  store::Database& db;
  const std::map<std::string, std::int64_t>& counts;
  std::int64_t away_before;
  bool running;
};

std::string progress_of(const Shown& shown, const store::DeviceRow& row) {
  const auto step = store::step_in_flight(shown.db, row.id);
  if (!shown.running || !row.connected || !step || step->state != "sending" || step->bytes_total == 0) return "";
  return fmt::format(" ({} %)", step->bytes_acknowledged * std::uint64_t{100} / step->bytes_total);
}

// The first of each state; of more there is the command that lists them.
void print_some(const Shown& shown, const char* title, std::span<const char* const> states) {
  for (const auto* state : states) {
    const auto counted = shown.counts.find(state);
    if (counted == shown.counts.end()) continue;
    if (title != nullptr) fmt::print("\n{}:\n", std::exchange(title, nullptr));
    store::DeviceQuery query;
    query.state = state;
    query.away_before = shown.away_before;
    query.limit = devices_shown;
    const auto page = store::list_devices(shown.db, query);
    if (!page) continue;
    for (const auto& device : page->devices)
      fmt::print("  {}  {}{}\n", device.row.name.empty() ? device.row.id : log::printable(device.row.name),
          log::printable(server::state_in_words(device.row, shown.away_before)), progress_of(shown, device.row));
    if (const auto left = counted->second - static_cast<std::int64_t>(page->devices.size()); left > 0)
      fmt::print("  and {} more: 'drydock devices list --state {}'\n", left, state);
  }
}

// Who is to be told of things, and is not.
struct Unreached {
  std::string who;
  std::string why;  ///< a sentence that begins with `who`
};

std::vector<Unreached> unreached(const Context& context, store::Database& db) {
  std::vector<Unreached> all;
  if (const auto& broker = context.configuration.mqtt.host; !broker.empty())
    if (const auto why = store::load_setting(db, store::broker_problem_setting); why && !why->empty())
      all.push_back({"The MQTT broker " + broker, "is not reached: " + *why});
  const auto counts = store::count_deliveries(db);
  for (const auto& each : store::load_integrations(db)) {
    const auto count = counts.find(each.id);
    const auto dead = count == counts.end() ? 0 : count->second.dead;
    if (each.enabled && !each.last_error.empty())
      all.push_back({"'" + each.name + "'",
          (each.last_error.ends_with(integrations::others_have_it) ? "does not reach all: " : "is not reached: ") +
              each.last_error});
    if (dead != 0)
      all.push_back({"'" + each.name + "'",
          fmt::format("was not told of {} event{}, given up: the page tries again, or forgets them", dead,
              dead == 1 ? "" : "s")});
  }
  return all;
}

}  // namespace

int status(const Context& context) {
  auto db = open_to_read(context);
  const auto now = utc_milliseconds();
  const auto away_before = store::away_before(context.configuration.away_days, now);
  const auto nodes = store::load_nodes(db);
  const bool running = is_running(context, db);
  const auto refusals = recent_refusals(db, now);
  const auto stopped = store::load_stopped_rollouts(db);
  const auto silent = running ? unreached(context, db) : std::vector<Unreached>{};
  if (context.json) {
    auto rows = store::load_devices(db);
    for (auto& row : rows) row.connected = row.connected && running;
    auto told = nlohmann::json::parse(server::status_as_json(running, rows, refusals, away_before));
    told["stopped_rollouts"] = nlohmann::json::array();
    for (const auto& row : stopped)
      told["stopped_rollouts"].push_back({{"id", row.id}, {"release", row.release}, {"words", row.rollout.words}});
    told["not_reached"] = nlohmann::json::array();
    for (const auto& [who, why] : silent) told["not_reached"].push_back({{"who", who}, {"why", why}});
    fmt::print("{}\n", told.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  fmt::print("Drydock {}.\n", running ? "is running" : "is not running: 'drydock serve' starts it");
  if (const auto page = state::load_page_listening(folder_of(context)); running && page) {
    const auto& url = context.configuration.web.url;
    fmt::print("The page is at {}\n",
        url.empty() ? fmt::format("{}://{}:{}", page->tls ? "https" : "http", state::host_name(), page->port) : url);
    if (const auto certificate = state::load_page_certificate(folder_of(context), context.configuration);
        page->tls && certificate)
      fmt::print("Its certificate has the SHA-256 fingerprint {}\n", certificate->fingerprint);
  }
  if (const auto code = store::load_setting(db, "setup_code"))
    fmt::print("The page has no password yet. Open it and set one with the set-up code {}.\n", *code);
  if (server::commands::is_paused(db)) fmt::print("All updates are paused: 'drydock resume' goes on.\n");
  for (const auto& node : nodes)
    fmt::print("Machine {}: {} device{} connected, {} being sent a module, seen {}.\n", log::printable(node.name),
        node.connected, node.connected == 1 ? "" : "s", node.updating, ago(node.seen, now));
  for (const auto& row : stopped)
    fmt::print("Rollout {} of '{}' has stopped by itself: {}. 'drydock rollouts show {}' says more.\n", row.id,
        log::printable(row.release), log::printable(row.rollout.words), row.id);
  for (const auto& [who, why] : silent) fmt::print("{} {}\n", log::printable(who), log::printable(why));
  const auto states = store::count_devices(db, away_before);
  std::int64_t devices = 0;
  for (const auto& [state, count] : states) devices += count;
  fmt::print("{} device{}{}", devices, devices == 1 ? "" : "s", states.empty() ? "" : ": ");
  std::vector<std::string> words;
  for (const auto& [state, count] : states) words.push_back(server::counted_state(state, count));
  fmt::print("{}.\n", fmt::join(words, ", "));
  if (devices == 0) fmt::print("'drydock keys export' says how to point one here.\n");
  const Shown shown{db, states, away_before, running};
  print_some(shown, "Somebody has to look at", server::states_that_need_a_person());
  print_some(shown, "Under way", under_way);
  if (!refusals.empty()) fmt::print("\nTurned away in the last day:\n");
  for (const auto& refusal : refusals) fmt::print("  {}  {}\n", ago(refusal.at, now), log::printable(refusal.words));
  return 0;
}

int pause(const Context& context, bool paused) {
  auto db = open_to_write(context);
  server::commands::pause(db, paused);
  folder_of(context).touch_changed();
  fmt::print("{}\n",
      paused ? "All updates are paused: what is being sent goes on to its end, nothing else begins. 'drydock resume' "
               "takes it back."
             : "Updates go on. What is paused by itself, or by a rule, stays so.");
  return 0;
}

}  // namespace drydock::cli
