#include "store/postgresql_values.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <regex>

namespace drydock::store {

std::string storable_text(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
  if (plain) return std::string(text);
  using nlohmann::json;
  auto valid = json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
  for (auto at = valid.find('\0'); at != std::string::npos; at = valid.find('\0', at)) valid.replace(at, 1, "\uFFFD");
  return valid;
}

std::int64_t integer_value(std::string_view text) {
  if (text == "t") return 1;
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Bytes bytes_value(std::string_view text) {
  if (!text.starts_with("\\x")) return {text.begin(), text.end()};
  return from_hex(text.substr(2)).value_or(Bytes());
}

std::string numbered_parameters(std::string_view sql) {
  std::string numbered;
  int next = 1;
  bool quoted = false;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] == '\'') quoted = !quoted;
    if (sql[i] != '?' || quoted) {
      numbered += sql[i];
      continue;
    }
    numbered += '$';
    const bool has_number = i + 1 < sql.size() && sql[i + 1] >= '0' && sql[i + 1] <= '9';
    if (!has_number) numbered += std::to_string(next++);
  }
  return numbered;
}

bool is_postgresql_url(const std::string& url) {
  return url.starts_with("postgresql://") || url.starts_with("postgres://");
}

std::string fault_of_url(const std::string& url) {
  static const std::regex well_formed("[^:]+://([^/?#@]*@)?[^@#]*");
  static const std::regex wrong_percent("%(?![0-9A-Fa-f]{2})");
  if (std::regex_match(url, well_formed) && !std::regex_search(url, wrong_percent)) return "";
  return "cannot be read: in a password write @ as %40, / as %2F, # as %23, ? as %3F and % as %25. Better, leave it "
         "out "
         "and put it into .pgpass in the state folder";
}

std::string shown_url(const std::string& url) {
  static const std::regex by_colon("(//[^/?@:]*):[^/?@]*@");
  static const std::regex by_colon_somehow("(//[^/?@:]*):.*@");
  static const std::regex by_name("([?&](ssl)?password=)[^&]*");
  const auto& by_place = fault_of_url(url).empty() ? by_colon : by_colon_somehow;
  return std::regex_replace(std::regex_replace(url, by_place, "$1@"), by_name, "$1...");
}

}  // namespace drydock::store
