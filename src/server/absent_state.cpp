#include "server/absent_state.hpp"

#include "server/commands.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "firmware/platforms.hpp"
#include "planning/attempts.hpp"
#include "server/service_uptime.hpp"
#include "store/access.hpp"
#include "store/modules.hpp"
#include "store/policies.hpp"
#include "store/rollouts.hpp"
#include "store/updates.hpp"

#include <fmt/core.h>

namespace drydock::server {
namespace {

constexpr int devices_in_a_page = 200;
constexpr auto failed_in_rollout = "failed, needs attention: in a rollout, ";

Restated state_of_planned(store::Database& db, const store::DeviceRow& row, const planning::UpdatePolicy& policy,
    const planning::Plan& plan) {
  const auto& step = plan.steps.front();
  const auto running = ServiceUptime::parse(store::load_setting(db, ServiceUptime::setting).value_or(""));
  const auto permission = planning::check_attempt(step, store::load_attempts(db, row.id, step, running), running);
  if (permission.answer == planning::Permission::Answer::give_up)
    return {row.id, "parked", fmt::format("failed, needs attention: {}", permission.words)};
  if (!row.updates_enabled.value_or(true) && !row.forced)
    return {row.id, "updates_disabled",
        fmt::format(
            "its application disabled updates: 'drydock devices force {}' sends this one all the same", row.id)};
  if (auto why = planning::why_paused(row.held, commands::is_paused(db), policy); !why.empty())
    return {row.id, "waiting", std::move(why)};
  if (row.state == "waiting" && row.state_words.starts_with("went away")) return {row.id, row.state, row.state_words};
  return {row.id, "waiting",
      fmt::format("is sent {} when it is back{}", step.module.title(),
          plan.steps.size() == 1 ? "" : fmt::format(", and {} more", plan.steps.size() - 1))};
}

// By what it said last.
Restated state_of(store::Database& db, const store::DeviceRow& row, const firmware::Library& library) {
  if (row.approval != "approved") return {row.id, row.approval == "refused" ? "unknown" : "awaiting_approval", ""};
  firmware::Inventory reported;
  reported.platform = row.platform;
  reported.modules = store::load_modules(db, row.id);
  if (reported.modules.empty()) {
    // A Core says nothing of its modules, and of one whose Describe could not be read nothing is known.
    if (row.state != "awaiting_approval" && row.state != "unknown") return {row.id, row.state, row.state_words};
    const bool never_came = row.platform == firmware::unknown_platform;
    return {row.id, "unknown",
        never_came ? "its key is on file; it has not come yet" : "approved: what it runs is known when it is back"};
  }
  if (row.state == "parked" && row.state_words.starts_with(failed_in_rollout) &&
      store::load_rollout_orders(db, row.id).failed)
    return {row.id, row.state, row.state_words};
  const auto policy = store::load_update_policy(db, row.id);
  const auto plan = planning::plan(reported, library, policy.targets);
  if (plan.blocked()) return {row.id, "blocked", planning::missing_words(plan)};
  if (plan.current())
    return {row.id, "current", row.state == "current" ? row.state_words : "up to date by what it said last"};
  return state_of_planned(db, row, policy, plan);
}

bool restate(store::Database& db, const store::DeviceRow& row, const firmware::Library& library, Restated& now) {
  if (row.connected || row.node != 0 || row.approval == "pending") return false;
  now = state_of(db, row, library);
  now.words = shorten(now.words, limits::message_length);
  if (now.state == row.state && now.words == row.state_words) return false;
  store::set_absent_state(db, row.id, now.state, now.words);
  return true;
}

}  // namespace

void note_rollout_failure(store::Database& db, const std::string& device_id, const std::string& why) {
  store::set_absent_state(db, device_id, "parked", shorten(failed_in_rollout + why, limits::message_length));
}

void restate_absent(store::Database& db, const std::string& device_id) {
  const auto row = store::load_device(db, device_id);
  if (!row || row->connected || row->node != 0) return;
  Restated now;
  restate(db, *row, store::load_library(db), now);
}

RestatedPage restate_absent_devices(store::Database& db, const firmware::Library& library, const std::string& after) {
  RestatedPage page;
  auto rows = store::load_absent_devices(db, after, devices_in_a_page);
  for (const auto& row : rows) {
    Restated now;
    if (restate(db, row, library, now)) page.devices.push_back(std::move(now));
  }
  if (rows.size() == devices_in_a_page) page.next = rows.back().id;
  return page;
}

}  // namespace drydock::server
