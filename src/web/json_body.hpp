// The JSON object a request carries.
#pragma once

#include "web/http.hpp"

#include <nlohmann/json.hpp>

namespace drydock::web {

/// ErrorKind::malformed when there is none.
inline Result<nlohmann::json> json_body(const Request& request) {
  auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (!body.is_object()) return failure(ErrorKind::malformed, "the request's body must be a JSON object");
  return body;
}

/// A text member; ErrorKind::malformed when it is not there.
inline Result<std::string> text_in(const nlohmann::json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end() || !found->is_string())
    return failure(ErrorKind::malformed, std::string("'") + name + "' is missing, or no text");
  return found->get<std::string>();
}

}  // namespace drydock::web
