#include "server/policies_json.hpp"

#include "firmware/platforms.hpp"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

namespace drydock::server {
namespace {

using nlohmann::json;

std::string print(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

json json_target(const store::PolicyRow& row) {
  if (!row.target) return nullptr;
  return {{"kind", planning::target_kind_name(*row.target)}, {"version", row.version}, {"release", row.release},
      {"downgrade", row.downgrade}, {"words", planning::target_words(store::target_of(row))}};
}

json counts_of(const std::vector<store::GroupCount>& counts) {
  auto list = json::array();
  for (const auto& count : counts) list.push_back({{"name", count.name}, {"devices", count.devices}});
  return list;
}

template <class Number>
json number_or_null(const std::optional<Number>& number) {
  return number ? json(*number) : json(nullptr);
}

// A cell that begins like a formula would be taken for one by a spreadsheet.
std::string cell(const std::string& text) {
  std::string quoted = "\"";
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos) quoted += '\'';
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string policies_as_json(store::Database& db, const std::vector<store::PolicyRow>& rows) {
  auto list = json::array();
  for (const auto& row : rows)
    list.push_back(
        {{"scope", store::scope_name(row.scope)}, {"subject", row.subject}, {"rule", store::subject_words(db, row)},
            {"target", json_target(row)}, {"held", row.held ? json(*row.held) : json(nullptr)},
            {"hours", row.window.hours}, {"time_zone", row.window.time_zone}, {"blackout", row.window.blackout}});
  return print({{"targets", list}});
}

std::string groups_as_json(const std::vector<store::GroupCount>& groups, const std::vector<store::GroupCount>& labels,
    const std::vector<store::GroupRule>& rules) {
  auto list = json::array();
  for (const auto& rule : rules)
    list.push_back({{"id", rule.id}, {"group", rule.group}, {"platform", number_or_null(rule.platform)},
        {"platform_name", rule.platform ? json(firmware::platform_name(*rule.platform)) : json(nullptr)},
        {"product_id", number_or_null(rule.product_id)}, {"name", rule.name_pattern}, {"addresses", rule.addresses},
        {"words", store::rule_words(rule)}});
  return print({{"groups", counts_of(groups)}, {"labels", counts_of(labels)}, {"rules", list}});
}

std::string audit_as_json(const std::vector<store::AuditRow>& rows, bool more) {
  auto list = json::array();
  for (const auto& row : rows)
    list.push_back({{"id", row.id}, {"at", row.at}, {"who", row.who}, {"via", row.via}, {"what", row.what},
        {"outcome", row.outcome}});
  return print({{"changes", list}, {"next", more && !rows.empty() ? json(rows.back().id) : json(nullptr)}});
}

std::string audit_as_csv(const std::vector<store::AuditRow>& rows) {
  std::string text = "id,at,who,via,what,outcome\r\n";
  for (const auto& row : rows)
    text += fmt::format("{},{:%FT%TZ},{},{},{},{}\r\n", row.id, fmt::gmtime(row.at / 1000), cell(row.who),
        cell(row.via), cell(row.what), cell(row.outcome));
  return text;
}

}  // namespace drydock::server
