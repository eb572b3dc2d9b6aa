#include "base/log.hpp"
#include "cli/open_store.hpp"
#include "cli/table.hpp"
#include "firmware/platforms.hpp"
#include "server/policies.hpp"
#include "server/policies_json.hpp"

#include <fmt/core.h>

namespace drydock::cli {
namespace {

void print_counts(const char* title, const std::vector<store::GroupCount>& counts) {
  std::vector<std::vector<std::string>> lines{{title, "DEVICES"}};
  for (const auto& count : counts) lines.push_back({log::printable(count.name), std::to_string(count.devices)});
  fmt::print("{}", table(lines));
}

}  // namespace

int groups_list(const Context& context) {
  auto db = open_to_read(context);
  const auto groups = store::load_groups(db);
  const auto labels = store::load_label_counts(db);
  const auto rules = store::load_group_rules(db);
  if (context.json) {
    fmt::print("{}\n", server::groups_as_json(groups, labels, rules));
    return 0;
  }
  if (groups.empty() && labels.empty() && rules.empty()) {
    fmt::print(
        "There is no group yet. 'drydock devices group NAME DEVICE…' makes one, 'drydock groups add-rule NAME' "
        "puts new devices into one.\n");
    return 0;
  }
  if (!groups.empty()) print_counts("GROUP", groups);
  if (!labels.empty()) print_counts("LABEL", labels);
  if (rules.empty()) return 0;
  std::vector<std::vector<std::string>> lines{{"RULE", "GROUP", "WHO COMES INTO IT"}};
  for (const auto& rule : rules)
    lines.push_back({std::to_string(rule.id), log::printable(rule.group), log::printable(store::rule_words(rule))});
  fmt::print("{}", table(lines));
  return 0;
}

int groups_add_rule(const Context& context, const NewGroupRule& given) {
  store::GroupRule rule;
  rule.group = given.group;
  rule.product_id = given.product;
  rule.name_pattern = given.name;
  rule.addresses = given.addresses;
  if (!given.platform.empty()) {
    const auto* platform = firmware::find_platform(given.platform);
    if (platform == nullptr) return print_error(fmt::format("there is no platform '{}'", given.platform));
    rule.platform = platform->id;
  }
  auto db = open_to_write(context);
  std::size_t moved = 0;
  const auto added = db.transact([&](store::Database& open) -> Result<void> {
    const auto id = server::add_group_rule(open, rule);
    if (!id) return tl::unexpected(id.error());
    rule.id = *id;
    moved = server::apply_group_rules(open);
    return {};
  });
  if (!added) return print_error(added.error().message);
  folder_of(context).touch_changed();
  fmt::print("Rule {}: {} comes into group '{}'; {} devices that were in none are in it now\n", rule.id,
      log::printable(store::rule_words(rule)), log::printable(rule.group), moved);
  return 0;
}

int groups_remove_rule(const Context& context, std::int64_t rule) {
  auto db = open_to_write(context);
  const auto removed =
      db.transact([&](store::Database& open) -> Result<void> { return server::remove_group_rule(open, rule); });
  if (!removed) return print_error(removed.error().message);
  fmt::print("Rule {} is removed; devices stay in their groups\n", rule);
  return 0;
}

}  // namespace drydock::cli
