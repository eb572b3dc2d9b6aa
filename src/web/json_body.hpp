// The JSON object a request carries, member by member, and the answer that is one.
#pragma once

#include "base/log.hpp"
#include "base/text.hpp"
#include "web/http.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <optional>

namespace drydock::web {

/// What somebody sent; discarded when it is no JSON, or nested deeper than anything that is asked for: to copy it, or
/// to print it, takes as much of a thread's stack as it is deep, and CivetWeb's threads have little.
inline nlohmann::json parse_body(const std::string& text) {
  constexpr int deepest = 32;
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"')
      in_text = !in_text;
    else if (in_text && c == '\\')
      ++i;
    else if (!in_text && (c == '{' || c == '['))
      ++depth;
    else if (!in_text && (c == '}' || c == ']'))
      --depth;
    if (depth > deepest) return nlohmann::json::value_t::discarded;
  }
  return nlohmann::json::parse(text, nullptr, false);
}

/// A text member; ErrorKind::malformed when it is not there.
inline Result<std::string> text_in(const nlohmann::json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end() || !found->is_string())
    return failure(ErrorKind::malformed, std::string("'") + name + "' is missing, or no text");
  return found->get<std::string>();
}

/// Of JSON texts; empty where there is none of that name.
inline Result<std::vector<std::string>> texts_in(const nlohmann::json& body, const char* name) {
  std::vector<std::string> texts;
  const auto found = body.find(name);
  if (found == body.end()) return texts;
  const auto bad = [&] { return failure(ErrorKind::malformed, std::string("'") + name + "' must be a list of texts"); };
  if (!found->is_array()) return bad();
  for (const auto& text : *found) {
    if (!text.is_string()) return bad();
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

inline Result<std::string> optional_text(const nlohmann::json& body, const char* name) {
  return body.contains(name) ? text_in(body, name) : Result<std::string>("");
}

inline Result<bool> flag_in(const nlohmann::json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end()) return false;
  if (!found->is_boolean()) return failure(ErrorKind::malformed, fmt::format("'{}' must be true or false", name));
  return found->get<bool>();
}

/// A mistyped name must not be taken for one that was left out.
inline Result<void> nothing_else_in(const nlohmann::json& body, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : body.items())
    if (std::find(known.begin(), known.end(), name) == known.end())
      return failure(ErrorKind::malformed, fmt::format("'{}' means nothing here", log::printable(shorten(name, 64))));
  return {};
}

/// ErrorKind::malformed when there is none, or when it has more than what is `known`.
inline Result<nlohmann::json> json_body(const Request& request, std::initializer_list<std::string_view> known) {
  auto body = parse_body(request.body);
  if (!body.is_object()) return failure(ErrorKind::malformed, "the request's body must be a JSON object");
  if (const auto only = nothing_else_in(body, known); !only) return tl::unexpected(only.error());
  return body;
}

/// Leaves `to` as it is where there is none of that name.
template <class Number>
Result<void> number_in(const nlohmann::json& body, const char* name, std::int64_t least, std::int64_t most, Number& to,
    std::int64_t unit = 1) {
  const auto found = body.find(name);
  if (found == body.end()) return {};
  if (!found->is_number_integer() || *found < least || *found > most)
    return failure(ErrorKind::malformed, fmt::format("'{}' must be a whole number from {} to {}", name, least, most));
  to = static_cast<Number>(found->get<std::int64_t>() * unit);
  return {};
}

inline Response json_answer(std::string body, int status = 200) {
  return {status, "application/json", std::move(body)};
}

/// A whole number in a path; nothing when it is none.
inline std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace drydock::web
