#include "server/policies.hpp"

#include "server/absent_state.hpp"
#include "store/changes.hpp"

#include "base/log.hpp"
#include "firmware/platforms.hpp"
#include "firmware/releases.hpp"
#include "server/commands.hpp"
#include "store/releases.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace drydock::server {
namespace {

using planning::TargetKind;

constexpr std::size_t longest_name = 64;
constexpr std::size_t most_rules = 1000;

// Of the platform, or of any where it is not known which devices will be concerned.
bool is_version(const store::PolicyRow& row) {
  if (row.scope == store::PolicyScope::platform)
    return planning::system_version_of(static_cast<std::uint16_t>(std::stoul(row.subject)), row.version).has_value();
  for (std::uint16_t platform = 0; platform < 256; ++platform)
    if (planning::system_version_of(platform, row.version)) return true;
  return false;
}

Result<void> check_target(store::Database& db, const store::PolicyRow& row) {
  if (row.target == TargetKind::release && row.release.empty())
    return failure(ErrorKind::malformed, "say which release");
  if (row.target == TargetKind::release && !store::load_release(db, row.release))
    return failure(ErrorKind::not_found, fmt::format("no release '{}': see 'drydock releases list'", row.release));
  const bool by_version = row.target == TargetKind::at_least || row.target == TargetKind::exactly;
  if (by_version && row.version.empty()) return failure(ErrorKind::malformed, "say which version of Device OS: 3.3.1");
  if (by_version && !is_version(row))
    return failure(ErrorKind::malformed,
        fmt::format("'{}' is no Device OS release for {}: 3.3.1 would be, or the number of its system modules, 3302",
            row.version, row.scope == store::PolicyScope::platform ? "this platform" : "any platform"));
  if (row.downgrade && row.target != TargetKind::exactly && row.target != TargetKind::release)
    return failure(ErrorKind::malformed, "only an exact version or a release can be a downgrade");
  return {};
}

// A part of a path in the API, where these would mean something else.
Result<void> check_name(const std::string& name, const char* what) {
  if (name.empty() || name.size() > longest_name || log::printable(name) != name || name == "." || name == ".." ||
      name.front() == ' ' || name.back() == ' ' || name.find_first_of("/\\") != std::string::npos)
    return failure(ErrorKind::malformed,
        fmt::format("{} has a name of at most {} bytes, without '/', '\\' and control characters, and no blank at its "
                    "ends",
            what, longest_name));
  return {};
}

}  // namespace

Result<void> check_group_name(const std::string& name) {
  return check_name(name, "a group");
}

Result<std::pair<store::PolicyScope, std::string>> find_subject(
    store::Database& db, std::string_view scope, const std::string& subject) {
  const auto known = store::parse_scope(scope);
  if (!known) return failure(ErrorKind::malformed, fmt::format("'{}' is not fleet, platform, group or device", scope));
  switch (*known) {
    case store::PolicyScope::fleet:
      if (!subject.empty()) return failure(ErrorKind::not_found, "of the fleet there is one only");
      return std::pair(*known, std::string());
    case store::PolicyScope::platform: {
      if (subject.empty()) return failure(ErrorKind::malformed, "say which platform");
      const auto* platform = firmware::find_platform(subject);
      if (platform == nullptr) return failure(ErrorKind::not_found, fmt::format("there is no platform '{}'", subject));
      return std::pair(*known, std::to_string(platform->id));
    }
    case store::PolicyScope::group:
      if (const auto right = check_name(subject, "a group"); !right) return tl::unexpected(right.error());
      return std::pair(*known, subject);
    case store::PolicyScope::device: {
      auto row = commands::find_device(db, subject);
      if (!row) return tl::unexpected(row.error());
      return std::pair(*known, row->id);
    }
  }
  return failure(ErrorKind::internal, "no scope");
}

Result<void> save_policy(store::Database& db, const store::PolicyRow& row) {
  if (row.target)
    if (const auto right = check_target(db, row); !right) return right;
  if (row.window.empty() && !row.window.time_zone.empty())
    return failure(ErrorKind::malformed, "a time zone without hours or days means nothing");
  if (const auto right = planning::check_window(row.window); !right) return right;
  if (row.says_something() && !store::load_policy(db, row.scope, row.subject) &&
      store::load_policies(db).size() >= most_rules)
    return failure(ErrorKind::conflict, fmt::format("there are {} rules already: groups take fewer", most_rules));
  store::save_policy(db, row);
  if (row.scope == store::PolicyScope::device) restate_absent(db, row.subject);
  return {};
}

Result<std::int64_t> add_group_rule(store::Database& db, const store::GroupRule& rule) {
  if (const auto right = check_name(rule.group, "a group"); !right) return tl::unexpected(right.error());
  if (!rule.platform && !rule.product_id && rule.name_pattern.empty() && rule.addresses.empty())
    return failure(
        ErrorKind::malformed, "say which devices: by platform, product, a pattern of names, or a range of addresses");
  if (!rule.addresses.empty() && !store::is_address_range(rule.addresses))
    return failure(ErrorKind::malformed,
        fmt::format("'{}' is no range of addresses: 192.168.4.0/24 would be, or fd00::/8", rule.addresses));
  if (rule.name_pattern.size() > longest_name || log::printable(rule.name_pattern) != rule.name_pattern)
    return failure(ErrorKind::malformed, "a pattern of names has at most 64 bytes, without control characters");
  if (store::load_group_rules(db).size() >= most_rules)
    return failure(ErrorKind::conflict, fmt::format("there are {} rules already", most_rules));
  return store::add_group_rule(db, rule);
}

Result<void> remove_group_rule(store::Database& db, std::int64_t id) {
  if (!store::remove_group_rule(db, id))
    return failure(ErrorKind::not_found, fmt::format("no rule {}: see 'drydock groups list'", id));
  return {};
}

std::size_t apply_group_rules(store::Database& db) {
  std::size_t moved = 0;
  for (const auto& device : store::load_devices(db))
    if (device.approval == "approved" && device.group.empty())
      moved += !store::apply_group_rules(db, device.id).empty();
  if (moved > 0) store::note_change(db, store::subject::every_device);  // the rules of their new groups count for them
  return moved;
}

Result<void> set_label(store::Database& db, const std::string& device_id, const std::string& label, bool has) {
  constexpr std::size_t most_labels = 50;
  if (const auto right = check_name(label, "a label"); !right) return right;
  if (label.find(',') != std::string::npos) return failure(ErrorKind::malformed, "a label has no comma");
  if (!has) {
    store::remove_label(db, device_id, label);
    return {};
  }
  if (store::load_labels(db, device_id).size() >= most_labels)
    return failure(ErrorKind::conflict, fmt::format("a device has at most {} labels", most_labels));
  store::add_label(db, device_id, label);
  return {};
}

}  // namespace drydock::server
