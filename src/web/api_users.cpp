// The users whom the owner lets in.
#include "web/api.hpp"
#include "web/json_body.hpp"

#include "base/clock.hpp"

namespace drydock::web {

using nlohmann::json;

Response Api::users() const {
  auto list = json::array();
  for (const auto& user : authentication_.users())
    list.push_back({{"name", user.name}, {"role", user.role}, {"created", user.created}});
  return {200, "application/json", json{{"users", list}}.dump(-1, ' ', false, json::error_handler_t::replace)};
}

Response Api::save_user(const Request& request, const std::string& name, const Identity& identity) {
  const auto body = json_body(request, {"password", "role"});
  if (!body) return problem(body.error());
  Authentication::UserChange change;
  for (const auto& [field, to] : {std::pair{"password", &change.password}, std::pair{"role", &change.role}}) {
    if (!body->contains(field)) continue;
    auto text = text_in(*body, field);
    if (!text) return problem(text.error());
    *to = std::move(*text);
  }
  const auto is_new = authentication_.save_user(identity, name, change, utc_milliseconds());
  if (!is_new) return problem(is_new.error());
  return *is_new ? Response{201, "application/json", "{}"} : done();
}

Response Api::remove_user(const std::string& name, const Identity& identity) {
  const auto removed = authentication_.remove_user(identity, name);
  return removed ? done() : problem(removed.error());
}

}  // namespace drydock::web
