#include "store/policies.hpp"

#include "firmware/platforms.hpp"
#include "store/changes.hpp"
#include "store/devices.hpp"
#include "store/releases.hpp"
#include "store/rollouts.hpp"
#include "store/statement.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <utility>

namespace drydock::store {
namespace {

using namespace std::string_view_literals;

constexpr std::array scopes{std::pair{PolicyScope::fleet, "fleet"sv}, std::pair{PolicyScope::platform, "platform"sv},
    std::pair{PolicyScope::group, "group"sv}, std::pair{PolicyScope::device, "device"sv}};
constexpr const char* columns =
    "scope, subject, target, version, release_name, downgrade, held, hours, time_zone, blackout";

PolicyRow read_policy(Statement& s) {
  PolicyRow row;
  row.scope = *parse_scope(s.text(0));
  row.subject = s.text(1);
  row.target = planning::parse_target_kind(s.text(2));
  row.version = s.text(3);
  row.release = s.text(4);
  row.downgrade = s.boolean(5);
  if (!s.is_null(6)) row.held = s.boolean(6);
  row.window = {s.text(7), s.text(8), s.text(9)};
  return row;
}

bool concerns(const PolicyRow& row, const PolicySubject& subject) {
  switch (row.scope) {
    case PolicyScope::fleet: return true;
    case PolicyScope::platform: return row.subject == std::to_string(subject.platform);
    case PolicyScope::group: return !subject.group.empty() && row.subject == subject.group;
    case PolicyScope::device: return row.subject == subject.id;
  }
  return false;
}

planning::StandingTarget standing_target(
    Database& db, const PolicyRow& row, std::uint16_t platform, std::uint16_t product) {
  auto target = target_of(row);
  if (target.kind == planning::TargetKind::release)
    if (const auto release = load_release(db, row.release))
      target.modules = planning::targets_of(release->modules, platform, product);
  return target;
}

}  // namespace

std::string_view scope_name(PolicyScope scope) {
  return std::find_if(scopes.begin(), scopes.end(), [&](const auto& s) { return s.first == scope; })->second;
}

std::optional<PolicyScope> parse_scope(std::string_view name) {
  const auto found = std::find_if(scopes.begin(), scopes.end(), [&](const auto& s) { return s.second == name; });
  if (found == scopes.end()) return std::nullopt;
  return found->first;
}

std::string rule_words(const PolicyRow& row) {
  switch (row.scope) {
    case PolicyScope::fleet: return "all devices";
    case PolicyScope::platform:
      return "platform " + firmware::platform_name(static_cast<std::uint16_t>(std::stoul(row.subject)));
    case PolicyScope::group: return fmt::format("group '{}'", row.subject);
    case PolicyScope::device: return "this device";
  }
  return "";
}

std::vector<PolicyRow> load_policies(Database& db) {
  Statement s(db, std::string("SELECT ") + columns + " FROM update_policies ORDER BY scope, subject");
  std::vector<PolicyRow> rows;
  while (s.step()) rows.push_back(read_policy(s));
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.scope < b.scope; });
  return rows;
}

planning::StandingTarget target_of(const PolicyRow& row) {
  planning::StandingTarget target;
  target.kind = *row.target;
  target.version = row.version;
  target.release = row.release;
  target.downgrade = row.downgrade;
  target.rule = rule_words(row);
  return target;
}

std::string subject_words(Database& db, const PolicyRow& row) {
  if (row.scope != PolicyScope::device) return rule_words(row);
  const auto device = load_device(db, row.subject);
  return "device " + (device && !device->name.empty() ? device->name : row.subject);
}

std::optional<PolicyRow> load_policy(Database& db, PolicyScope scope, const std::string& subject) {
  Statement s(db, std::string("SELECT ") + columns + " FROM update_policies WHERE scope = ? AND subject = ?");
  s.bind(1, scope_name(scope));
  s.bind(2, subject);
  if (!s.step()) return std::nullopt;
  return read_policy(s);
}

void save_policy(Database& db, const PolicyRow& row) {
  Statement clear(db, "DELETE FROM update_policies WHERE scope = ? AND subject = ?");
  clear.bind(1, scope_name(row.scope));
  clear.bind(2, row.subject);
  clear.execute();
  note_change(db, row.scope == PolicyScope::device ? row.subject.c_str() : subject::every_device);
  // Of those that are away nobody decides anew what they wait for.
  Statement away(db,
      "UPDATE devices SET state_words = 'is decided when it comes' WHERE connected = 0 AND state = 'waiting' AND "
      "(state_words LIKE 'held: by the rule for %' OR state_words LIKE 'paused: by the rule for %' OR state_words LIKE "
      "'waits for the hours of %')");
  away.execute();
  if (!row.says_something()) return;
  Statement s(db, std::string("INSERT INTO update_policies (") + columns + ") VALUES (?,?,?,?,?,?,?,?,?,?)");
  s.bind(1, scope_name(row.scope));
  s.bind(2, row.subject);
  s.bind(3, row.target ? planning::target_kind_name(*row.target) : "");
  s.bind(4, row.version);
  s.bind(5, row.release);
  s.bind(6, row.downgrade ? 1 : 0);
  s.bind(7, row.held ? std::optional(*row.held ? 1 : 0) : std::nullopt);
  s.bind(8, row.window.hours);
  s.bind(9, row.window.time_zone);
  s.bind(10, row.window.blackout);
  s.execute();
}

bool is_wanted_release(Database& db, const std::string& release) {
  Statement s(db, "SELECT 1 FROM update_policies WHERE target = 'release' AND release_name = ? LIMIT 1");
  s.bind(1, release);
  return s.step();
}

Policies::Policies(Database& db, const PolicySubject& subject) {
  Statement s(db,
      std::string("SELECT ") + columns +
          " FROM update_policies WHERE scope = 'fleet' OR (scope = 'platform' AND subject = ?) OR (scope = 'group' AND "
          "subject = ?) OR (scope = 'device' AND subject = ?)");
  s.bind(1, std::to_string(subject.platform));
  s.bind(2, subject.group);
  s.bind(3, subject.id);
  while (s.step()) rows_.push_back(read_policy(s));
}

template <class Says>
const PolicyRow* Policies::most_particular(const PolicySubject& subject, const Says& says) const {
  const PolicyRow* found = nullptr;
  for (const auto& row : rows_)
    if (concerns(row, subject) && says(row) && (found == nullptr || found->scope < row.scope)) found = &row;
  return found;
}

const PolicyRow* Policies::target(const PolicySubject& subject) const {
  return most_particular(subject, [](const PolicyRow& row) { return row.target.has_value(); });
}
const PolicyRow* Policies::held(const PolicySubject& subject) const {
  return most_particular(subject, [](const PolicyRow& row) { return row.held.has_value(); });
}
const PolicyRow* Policies::window(const PolicySubject& subject) const {
  return most_particular(subject, [](const PolicyRow& row) { return !row.window.empty(); });
}

planning::UpdatePolicy load_update_policy(Database& db, const std::string& device_id) {
  planning::UpdatePolicy policy;
  PolicySubject subject{device_id, "", 0};
  std::uint16_t product = 0;
  {
    Statement s(db, "SELECT group_name, platform, product_id FROM devices WHERE id = ?");
    s.bind(1, device_id);
    if (!s.step()) return policy;
    subject.group = s.text(0);
    subject.platform = s.integer<std::uint16_t>(1);
    product = s.integer<std::uint16_t>(2);
  }
  policy.targets.targets = load_own_targets(db, device_id);
  policy.own_targets = policy.targets.targets.size();
  auto rollout = load_rollout_orders(db, device_id);
  for (auto& target : rollout.targets)
    if (!policy.targets.names(target.key)) policy.targets.targets.push_back(std::move(target));
  policy.rollout = rollout.id;
  policy.bytes_per_second = rollout.bytes_per_second;
  policy.health_event = std::move(rollout.health_event);
  if (!rollout.window.empty())
    policy.windows.push_back({std::move(rollout.window), fmt::format("rollout {}", rollout.id)});

  const Policies policies(db, subject);
  const auto* target = policies.target(subject);
  if (target != nullptr && !rollout.failed)
    policy.targets.standing = standing_target(db, *target, subject.platform, product);
  if (const auto* row = policies.held(subject); row != nullptr && *row->held) {
    policy.held = true;
    policy.held_by = rule_words(*row);
  }
  if (const auto* row = policies.window(subject)) policy.windows.push_back({row->window, rule_words(*row)});
  return policy;
}

}  // namespace drydock::store
