// Groups, of which a device has one, labels, of which it has any number, and the rules that put new devices into
// groups.
#pragma once

#include "store/devices.hpp"

#include <optional>

namespace drydock::store {

struct GroupCount {
  std::string name;
  std::int64_t devices = 0;
};
std::vector<GroupCount> load_groups(Database& db);
bool is_group(Database& db, const std::string& name);
std::vector<GroupCount> load_label_counts(Database& db);

std::vector<std::string> load_labels(Database& db, const std::string& device_id);
void add_label(Database& db, const std::string& device_id, const std::string& label);
void remove_label(Database& db, const std::string& device_id, const std::string& label);
std::vector<std::string> devices_with_label(Database& db, const std::string& label);

/// What is empty fits every device.
struct GroupRule {
  std::int64_t id = 0;
  std::string group;
  std::optional<std::uint16_t> platform;
  std::optional<std::uint16_t> product_id;
  std::string name_pattern;  ///< of the shell, for name or id: "greenhouse-*"
  std::string addresses;     ///< "192.168.4.0/24"
  bool fits(const DeviceRow& device) const;
};
/// "Photon", "product 1234", "called greenhouse-*", "from 192.168.4.0/24", with "and" between them.
std::string rule_words(const GroupRule& rule);
/// "192.168.4.0/24", "fd00::/8", "192.168.4.7".
bool is_address_range(const std::string& text);

/// In the order in which they are tried.
std::vector<GroupRule> load_group_rules(Database& db);
std::int64_t add_group_rule(Database& db, const GroupRule& rule);
bool remove_group_rule(Database& db, std::int64_t id);
/// Into the group of the first rule that fits, if the device is in none: the group, or empty.
std::string apply_group_rules(Database& db, const std::string& device_id);

}  // namespace drydock::store
