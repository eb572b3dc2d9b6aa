// What people said of the updates of a device, a group, a platform or all devices, and which of it counts for a device:
// of each matter (target, holding back, hours) what the most particular of them says.
#pragma once

#include "planning/update_policy.hpp"
#include "store/database.hpp"

#include <optional>

namespace drydock::store {

/// From the least particular on.
enum class PolicyScope { fleet, platform, group, device };

struct PolicyRow {
  PolicyScope scope = PolicyScope::fleet;
  std::string subject;  ///< empty for the fleet; a platform's number, a group's name, a device's id
  std::optional<planning::TargetKind> target;
  std::string version;  ///< see planning::StandingTarget
  std::string release;
  bool downgrade = false;
  std::optional<bool> held;
  planning::WindowWords window;  ///< hours empty, blackout empty: nothing is said of them
  bool says_something() const { return target || held || !window.empty(); }
};

/// "fleet", "platform", "group", "device".
std::string_view scope_name(PolicyScope scope);
std::optional<PolicyScope> parse_scope(std::string_view name);
/// "all devices", "platform Photon", "group 'greenhouse'", "this device".
std::string rule_words(const PolicyRow& row);

/// Its target as the planner has it, without the modules of a release; it must have one.
planning::StandingTarget target_of(const PolicyRow& row);
/// As rule_words(), with the name of a device.
std::string subject_words(Database& db, const PolicyRow& row);

std::vector<PolicyRow> load_policies(Database& db);
std::optional<PolicyRow> load_policy(Database& db, PolicyScope scope, const std::string& subject);
/// In place of what there was; one that says nothing is removed.
void save_policy(Database& db, const PolicyRow& row);
/// Those that want a release.
bool is_wanted_release(Database& db, const std::string& release);

/// Who a device is, as policies name it.
struct PolicySubject {
  std::string id;
  std::string group;
  std::uint16_t platform = 0;
};
/// Of some policies, which count for one device.
class Policies {
public:
  /// All of them.
  explicit Policies(Database& db) : rows_(load_policies(db)) {}
  /// Those of one device.
  Policies(Database& db, const PolicySubject& subject);

  /// Each the most particular row that says something of the matter; nullptr: none does.
  const PolicyRow* target(const PolicySubject& subject) const;
  const PolicyRow* held(const PolicySubject& subject) const;
  const PolicyRow* window(const PolicySubject& subject) const;

private:
  template <class Says>
  const PolicyRow* most_particular(const PolicySubject& subject, const Says& says) const;

  std::vector<PolicyRow> rows_;
};

/// All that people asked for: of the device itself, then of rollouts for what the former says nothing about, then of
/// policies. Nothing for a device that is not there.
planning::UpdatePolicy load_update_policy(Database& db, const std::string& device_id);

}  // namespace drydock::store
