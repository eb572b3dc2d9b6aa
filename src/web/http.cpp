#include "web/http.hpp"

#include <civetweb.h>
#include <nlohmann/json.hpp>

namespace drydock::web {

const std::string& Request::header(const std::string& name) const {
  static const std::string none;
  const auto found = headers.find(name);
  return found == headers.end() ? none : found->second;
}

std::string Request::cookie(const std::string& name) const {
  char value[256];
  const int length = mg_get_cookie(header("cookie").c_str(), name.c_str(), value, sizeof value);
  return length < 0 ? std::string() : std::string(value, static_cast<std::size_t>(length));
}

std::string Request::parameter(const std::string& name) const {
  char value[1024];
  const int length = mg_get_var(query.data(), query.size(), name.c_str(), value, sizeof value);
  return length < 0 ? std::string() : std::string(value, static_cast<std::size_t>(length));
}

Response problem(int status, const std::string& title, const std::string& detail) {
  nlohmann::json body{{"type", "about:blank"}, {"title", title}, {"status", status}};
  if (!detail.empty()) body["detail"] = detail;
  return {status, "application/problem+json", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

Response problem(const Error& error) {
  switch (error.kind) {
    case Kind::malformed: return problem(422, "This cannot be used", error.message);
    case Kind::too_large: return problem(413, "Too large", error.message);
    case Kind::refused: return problem(403, "Not allowed", error.message);
    case Kind::not_found: return problem(404, "Not found", error.message);
    case Kind::conflict: return problem(409, "Not now", error.message);
    case Kind::timed_out:
    case Kind::closed:
    case Kind::restarted:
    case Kind::interrupted: return problem(503, "Busy", error.message);
    case Kind::storage:
    case Kind::undescribed:
    case Kind::internal: break;
  }
  return problem(500, "It did not work", error.message);
}

Response done() { return {204, "", ""}; }

}  // namespace drydock::web
