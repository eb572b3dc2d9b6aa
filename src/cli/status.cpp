#include "base/clock.hpp"
#include "server/as_json.hpp"
#include "cli/open_store.hpp"
#include "cli/table.hpp"
#include "store/access.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <map>

namespace drydock::cli {
namespace {

// Somebody whose device was rejected looks here first, and for a day.
constexpr std::int64_t recent = 24 * 3600 * 1000;

std::vector<store::HistoryRow> recent_refusals(store::Database& db, std::int64_t now) {
  std::vector<store::HistoryRow> rows;
  for (const auto* kind : {"wrong_server_key", "changed_key", "refused"})
    for (auto& row : store::recent_history_of_kind(db, kind, 10))
      if (now - row.at < recent) rows.push_back(std::move(row));
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.at > b.at; });
  return rows;
}

}  // namespace

int status(const Context& context) {
  auto db = open_to_read(context);
  const auto now = utc_milliseconds();
  const bool running = state::ServiceLock::is_taken(folder_of(context));
  const auto rows = store::load_devices(db);
  const auto refusals = recent_refusals(db, now);
  if (context.json) {
    fmt::print("{}\n", server::status_as_json(running, rows, refusals));
    return 0;
  }
  fmt::print("Drydock {}.\n", running ? "is running" : "is not running: 'drydock serve' starts it");
  if (const auto code = store::load_setting(db, "setup_code"))
    fmt::print("The page has no password yet. Open it and set one with the set-up code {}.\n", *code);
  std::map<std::string, int> states;
  for (const auto& row : rows) ++states[row.state];
  fmt::print("{} device{}", rows.size(), rows.size() == 1 ? "" : "s");
  for (const auto& [state, count] : states) fmt::print(", {} {}", count, state);
  fmt::print(".\n");
  for (const auto& row : rows) {
    if (row.state == "current") continue;
    std::string progress;
    if (const auto step = store::step_in_flight(db, row.id);
        running && row.connected && row.state == "updating" && step && step->state == "sending" && step->bytes_total)
      progress = fmt::format(" ({} %)", step->bytes_acknowledged * std::uint64_t{100} / step->bytes_total);
    fmt::print("  {}  {}{}\n", row.name.empty() ? row.id : log::printable(row.name),
        log::printable(row.state_words.empty() ? row.state : row.state_words), progress);
  }
  if (!refusals.empty()) fmt::print("\nTurned away in the last day:\n");
  for (const auto& refusal : refusals) fmt::print("  {}  {}\n", ago(refusal.at, now), log::printable(refusal.words));
  return 0;
}

}  // namespace drydock::cli
