#include "integrations/body_template.hpp"

#include <nlohmann/json.hpp>

namespace drydock::integrations {
namespace {

using nlohmann::json;

// What a device says may be nested as deep as its 1024 bytes allow.
constexpr int deepest = 4;

std::string printed(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string within_json(const std::string& text) {
  const auto quoted = json(text).dump(-1, ' ', false, json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

void add_keys_of(Variables& to, const json& object, const std::string& prefix, int depth) {
  for (const auto& [key, value] : object.items()) {
    to.emplace(prefix + key, printed(value));
    if (value.is_object() && depth < deepest) add_keys_of(to, value, prefix + key + ".", depth + 1);
  }
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string fill_in(std::string_view body_template, const Variables& variables) {
  std::string body;
  while (!body_template.empty()) {
    const auto begin = body_template.find("{{");
    body += body_template.substr(0, begin);
    if (begin == std::string_view::npos) break;
    body_template.remove_prefix(begin);
    const bool raw = body_template.starts_with("{{{");
    const std::string_view closing = raw ? "}}}" : "}}";
    const auto end = body_template.find(closing);
    if (end == std::string_view::npos) {
      body += body_template;
      break;
    }
    const auto found = variables.find(trimmed(body_template.substr(closing.size(), end - closing.size())));
    if (found != variables.end()) body += raw ? found->second : within_json(found->second);
    body_template.remove_prefix(end + closing.size());
  }
  return body;
}

void add_keys(Variables& to, std::string_view text) {
  const auto data = json::parse(text, nullptr, false);
  if (data.is_object()) add_keys_of(to, data, "", 0);
}

}  // namespace drydock::integrations
