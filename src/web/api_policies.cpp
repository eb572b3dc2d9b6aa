// What devices shall run and when they may be updated, groups and labels, and who changed what.
#include "web/api.hpp"
#include "web/json_body.hpp"

#include "firmware/platforms.hpp"
#include "server/policies.hpp"
#include "server/policies_json.hpp"

namespace drydock::web {
namespace {

using nlohmann::json;

constexpr int audit_listed = 100;
constexpr int audit_most = 1000;

Result<void> read_target(const json& body, store::PolicyRow& row) {
  const auto found = body.find("target");
  if (found == body.end() || found->is_null()) return {};
  if (!found->is_object()) return failure(ErrorKind::malformed, "'target' must be an object, or null");
  if (const auto known = nothing_else_in(*found, {"kind", "version", "release", "downgrade"}); !known) return known;
  const auto kind = text_in(*found, "kind");
  if (!kind) return tl::unexpected(kind.error());
  row.target = planning::parse_target_kind(*kind);
  if (!row.target) return failure(ErrorKind::malformed, "'kind' is needs, latest, at_least, exactly or release");
  auto version = optional_text(*found, "version");
  auto release = optional_text(*found, "release");
  const auto downgrade = flag_in(*found, "downgrade");
  if (!version) return tl::unexpected(version.error());
  if (!release) return tl::unexpected(release.error());
  if (!downgrade) return tl::unexpected(downgrade.error());
  row.version = std::move(*version);
  row.release = std::move(*release);
  row.downgrade = *downgrade;
  return {};
}

Result<store::PolicyRow> policy_in(const json& body) {
  store::PolicyRow row;
  if (const auto read = read_target(body, row); !read) return tl::unexpected(read.error());
  if (const auto held = body.find("held"); held != body.end() && !held->is_null()) {
    if (!held->is_boolean()) return failure(ErrorKind::malformed, "'held' must be true, false or null");
    row.held = held->get<bool>();
  }
  for (const auto& [name, text] : {std::pair("hours", &row.window.hours), std::pair("time_zone", &row.window.time_zone),
           std::pair("blackout", &row.window.blackout)}) {
    auto given = optional_text(body, name);
    if (!given) return tl::unexpected(given.error());
    *text = std::move(*given);
  }
  return row;
}

// By its name, or its number.
Result<std::optional<std::uint16_t>> platform_in(const json& body) {
  const auto found = body.find("platform");
  if (found == body.end() || found->is_null() || *found == "") return std::optional<std::uint16_t>();
  const auto name = found->is_string() ? found->get<std::string>() : found->is_structured() ? "" : found->dump();
  const auto* platform = firmware::find_platform(name);
  if (platform == nullptr)
    return failure(ErrorKind::malformed, fmt::format("there is no platform '{}'", log::printable(shorten(name, 64))));
  return std::optional<std::uint16_t>(platform->id);
}

template <class Number>
Result<std::optional<Number>> optional_number(const json& body, const char* name, std::int64_t most) {
  std::optional<Number> number;
  if (!body.contains(name) || body[name].is_null()) return number;
  Number read = 0;
  if (const auto right = number_in(body, name, 0, most, read); !right) return tl::unexpected(right.error());
  number = read;
  return number;
}

}  // namespace

Response Api::policies() const {
  auto lease = readers_.lease();
  return json_answer(server::policies_as_json(*lease, store::load_policies(*lease)));
}

Response Api::set_policy(const Request& request, const std::string& scope, const std::string& subject) {
  const auto body = json_body(request, {"target", "held", "hours", "time_zone", "blackout"});
  if (!body) return problem(body.error());
  const auto row = policy_in(*body);
  if (!row) return problem(row.error());
  const auto changed = bridge_.change([row = *row, scope, subject](store::Database& db) mutable -> Result<void> {
    auto found = server::find_subject(db, scope, subject);
    if (!found) return tl::unexpected(found.error());
    row.scope = found->first;
    row.subject = std::move(found->second);
    if (!row.says_something())
      return failure(ErrorKind::malformed, "say what: a target, whether they are paused, hours, or days without");
    return server::save_policy(db, row);
  });
  return changed ? done() : problem(changed.error());
}

Response Api::remove_policy(const std::string& scope, const std::string& subject) {
  const auto changed = bridge_.change([scope, subject](store::Database& db) -> Result<void> {
    auto found = server::find_subject(db, scope, subject);
    if (!found) return tl::unexpected(found.error());
    if (!store::load_policy(db, found->first, found->second))
      return failure(ErrorKind::not_found, "nothing was said of them");
    store::PolicyRow row;
    row.scope = found->first;
    row.subject = std::move(found->second);
    return server::save_policy(db, row);
  });
  return changed ? done() : problem(changed.error());
}

Response Api::groups() const {
  auto lease = readers_.lease();
  auto& db = *lease;
  return json_answer(
      server::groups_as_json(store::load_groups(db), store::load_label_counts(db), store::load_group_rules(db)));
}

Response Api::add_group_rule(const Request& request) {
  const auto body = json_body(request, {"group", "platform", "product_id", "name", "addresses"});
  if (!body) return problem(body.error());
  const auto group = text_in(*body, "group");
  const auto name = optional_text(*body, "name");
  const auto addresses = optional_text(*body, "addresses");
  const auto platform = platform_in(*body);
  const auto product = optional_number<std::uint16_t>(*body, "product_id", 0xffff);
  for (const auto* text : {&group, &name, &addresses})
    if (!*text) return problem(text->error());
  for (const auto* number : {&platform, &product})
    if (!*number) return problem(number->error());
  const store::GroupRule rule{0, *group, *platform, *product, *name, *addresses};
  auto id = std::make_shared<std::int64_t>();
  auto moved = std::make_shared<std::size_t>();
  const auto changed = bridge_.change([rule, id, moved](store::Database& db) -> Result<void> {
    const auto added = server::add_group_rule(db, rule);
    if (!added) return tl::unexpected(added.error());
    *id = *added;
    *moved = server::apply_group_rules(db);
    return {};
  });
  return changed ? json_answer(json{{"id", *id}, {"devices", *moved}}.dump(), 201) : problem(changed.error());
}

Response Api::remove_group_rule(const std::string& id) {
  const auto number = number_of(id);
  if (!number) return problem(404, "Not found", "there is no such rule");
  const auto changed = bridge_.change(
      [number = *number](store::Database& db) -> Result<void> { return server::remove_group_rule(db, number); });
  return changed ? done() : problem(changed.error());
}

Response Api::set_label(const std::string& id, const std::string& label, bool has) {
  const auto changed = bridge_.change([id, label, has](store::Database& db) -> Result<void> {
    if (!store::load_device(db, id)) return failure(ErrorKind::not_found, "there is no device " + id);
    return server::set_label(db, id, label, has);
  });
  return changed ? done() : problem(changed.error());
}

Response Api::audit(const Request& request) const {
  std::int64_t before = 0;
  std::int64_t limit = audit_listed;
  if (const auto text = request.parameter("before"); !text.empty()) {
    const auto number = number_of(text);
    if (!number || *number < 1) return problem(422, "This cannot be used", "'before' is what 'next' was");
    before = *number;
  }
  if (const auto text = request.parameter("limit"); !text.empty()) {
    const auto number = number_of(text);
    if (!number || *number < 1 || *number > audit_most)
      return problem(422, "This cannot be used", fmt::format("'limit' is a number from 1 to {}", audit_most));
    limit = *number;
  }
  const auto format = request.parameter("format");
  if (!format.empty() && format != "json" && format != "csv")
    return problem(422, "This cannot be used", "'format' is json or csv");
  auto lease = readers_.lease();
  auto rows = store::load_audit(*lease, before, static_cast<int>(limit) + 1);
  const bool more = rows.size() > static_cast<std::size_t>(limit);
  if (more) rows.pop_back();
  if (format != "csv") return json_answer(server::audit_as_json(rows, more));
  Response response{200, "text/csv; charset=utf-8", server::audit_as_csv(rows)};
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"drydock-changes.csv\"");
  return response;
}

}  // namespace drydock::web
