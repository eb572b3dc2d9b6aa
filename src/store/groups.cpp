#include "store/groups.hpp"

#include "firmware/platforms.hpp"
#include "store/changes.hpp"
#include "store/statement.hpp"

#include <asio/ip/address.hpp>
#include <asio/ip/network_v4.hpp>
#include <asio/ip/network_v6.hpp>
#include <fmt/core.h>
#include <fnmatch.h>

namespace drydock::store {
namespace {

struct Range {
  std::optional<asio::ip::network_v4> v4;
  std::optional<asio::ip::network_v6> v6;
};

std::optional<Range> parse_range(const std::string& text) {
  asio::error_code error;
  const bool is_v6 = text.find(':') != std::string::npos;
  const auto with_length = text.find('/') != std::string::npos ? text : text + (is_v6 ? "/128" : "/32");
  Range range;
  if (is_v6)
    range.v6 = asio::ip::make_network_v6(with_length, error);
  else
    range.v4 = asio::ip::make_network_v4(with_length, error);
  if (error) return std::nullopt;
  return range;
}

bool is_within(const std::string& address, const std::string& addresses) {
  const auto range = parse_range(addresses);
  asio::error_code error;
  auto host = address;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  auto ip = asio::ip::make_address(host, error);
  if (!range || error) return false;
  if (ip.is_v6() && ip.to_v6().is_v4_mapped()) ip = asio::ip::make_address_v4(asio::ip::v4_mapped, ip.to_v6());
  if (range->v4 && ip.is_v4())
    return asio::ip::network_v4(ip.to_v4(), range->v4->prefix_length()).canonical() == range->v4->canonical();
  if (range->v6 && ip.is_v6())
    return asio::ip::network_v6(ip.to_v6(), range->v6->prefix_length()).canonical() == range->v6->canonical();
  return false;
}

bool matches(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

std::vector<GroupCount> counts(Statement& s) {
  std::vector<GroupCount> list;
  while (s.step()) list.push_back({s.text(0), s.integer(1)});
  return list;
}

}  // namespace

std::vector<GroupCount> load_groups(Database& db) {
  Statement s(
      db, "SELECT group_name, count(*) FROM devices WHERE group_name <> '' GROUP BY group_name ORDER BY group_name");
  return counts(s);
}

bool is_group(Database& db, const std::string& name) {
  Statement s(db, "SELECT 1 FROM devices WHERE group_name = ? LIMIT 1");
  s.bind(1, name);
  return s.step();
}

std::vector<GroupCount> load_label_counts(Database& db) {
  Statement s(db, "SELECT label, count(*) FROM device_labels GROUP BY label ORDER BY label");
  return counts(s);
}

std::vector<std::string> load_labels(Database& db, const std::string& device_id) {
  Statement s(db, "SELECT label FROM device_labels WHERE device_id = ? ORDER BY label");
  s.bind(1, device_id);
  std::vector<std::string> labels;
  while (s.step()) labels.push_back(s.text(0));
  return labels;
}

void add_label(Database& db, const std::string& device_id, const std::string& label) {
  Statement s(db, "INSERT INTO device_labels (device_id, label) VALUES (?,?) ON CONFLICT DO NOTHING");
  s.bind(1, device_id);
  s.bind(2, label);
  s.execute();
  note_change(db, device_id);
}

void remove_label(Database& db, const std::string& device_id, const std::string& label) {
  Statement s(db, "DELETE FROM device_labels WHERE device_id = ? AND label = ?");
  s.bind(1, device_id);
  s.bind(2, label);
  s.execute();
  note_change(db, device_id);
}

std::vector<std::string> devices_with_label(Database& db, const std::string& label) {
  Statement s(db, "SELECT device_id FROM device_labels WHERE label = ? ORDER BY device_id");
  s.bind(1, label);
  std::vector<std::string> ids;
  while (s.step()) ids.push_back(s.text(0));
  return ids;
}

bool GroupRule::fits(const DeviceRow& device) const {
  return (!platform || *platform == device.platform) && (!product_id || *product_id == device.product_id) &&
      (name_pattern.empty() || matches(name_pattern, device.name) || matches(name_pattern, device.id)) &&
      (addresses.empty() || is_within(device.address, addresses));
}

std::string rule_words(const GroupRule& rule) {
  std::string words;
  const auto add = [&](const std::string& what) { words += (words.empty() ? "" : " and ") + what; };
  if (rule.platform) add("a " + firmware::platform_name(*rule.platform));
  if (rule.product_id) add(fmt::format("of product {}", *rule.product_id));
  if (!rule.name_pattern.empty()) add("called " + rule.name_pattern);
  if (!rule.addresses.empty()) add("from " + rule.addresses);
  return words.empty() ? "every device" : words;
}

bool is_address_range(const std::string& text) {
  return parse_range(text).has_value();
}

std::vector<GroupRule> load_group_rules(Database& db) {
  Statement s(db, "SELECT id, group_name, platform, product_id, name_pattern, addresses FROM group_rules ORDER BY id");
  std::vector<GroupRule> rules;
  while (s.step()) {
    GroupRule rule;
    rule.id = s.integer(0);
    rule.group = s.text(1);
    if (!s.is_null(2)) rule.platform = s.integer<std::uint16_t>(2);
    if (!s.is_null(3)) rule.product_id = s.integer<std::uint16_t>(3);
    rule.name_pattern = s.text(4);
    rule.addresses = s.text(5);
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::int64_t add_group_rule(Database& db, const GroupRule& rule) {
  Statement s(db,
      "INSERT INTO group_rules (group_name, platform, product_id, name_pattern, addresses) VALUES (?,?,?,?,?) "
      "RETURNING id");
  s.bind(1, rule.group);
  s.bind(2, rule.platform);
  s.bind(3, rule.product_id);
  s.bind(4, rule.name_pattern);
  s.bind(5, rule.addresses);
  s.step();
  const auto id = s.integer(0);
  s.execute_rest();
  return id;
}

bool remove_group_rule(Database& db, std::int64_t id) {
  Statement s(db, "DELETE FROM group_rules WHERE id = ?");
  s.bind(1, id);
  return s.execute() != 0;
}

std::string apply_group_rules(Database& db, const std::string& device_id) {
  const auto device = load_device(db, device_id);
  if (!device || !device->group.empty()) return "";
  for (const auto& rule : load_group_rules(db)) {
    if (!rule.fits(*device)) continue;
    set_group(db, device_id, rule.group);
    return rule.group;
  }
  return "";
}

}  // namespace drydock::store
