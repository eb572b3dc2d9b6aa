#include "web/http.hpp"

#include <algorithm>
#include <asio/ip/address.hpp>
#include <cctype>
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
  const auto full_name = name + (secure_cookies ? over_tls : "");
  const int length = mg_get_cookie(header("cookie").c_str(), full_name.c_str(), value, sizeof value);
  return length < 0 ? std::string() : std::string(value, static_cast<std::size_t>(length));
}

std::string Request::parameter(const std::string& name) const {
  std::string value(query.size() + 1, '\0');
  const int length = mg_get_var(query.data(), query.size(), name.c_str(), value.data(), value.size());
  value.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
  return value;
}

std::optional<std::string> decode_path(std::string_view encoded) {
  std::string path(encoded.size() + 1, '\0');
  const int length =
      mg_url_decode(encoded.data(), static_cast<int>(encoded.size()), path.data(), static_cast<int>(path.size()), 0);
  if (length < 0) return std::nullopt;
  path.resize(static_cast<std::size_t>(length));
  if (path.find('\0') != std::string::npos) return std::nullopt;
  if (path.starts_with("/api/") &&
      std::count(path.begin(), path.end(), '/') != std::count(encoded.begin(), encoded.end(), '/'))
    return std::nullopt;
  if (path.starts_with("/api/") && path.find('\\') != std::string::npos) return std::nullopt;
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find_first_of("/\\", at), path.size());
    const auto part = std::string_view(path).substr(at, end - at);
    if (part == "." || part == "..") return std::nullopt;
    at = end + 1;
  }
  return path;
}

bool path_matches(const std::vector<std::string>& path, std::initializer_list<std::string_view> wanted) {
  return std::equal(path.begin(), path.end(), wanted.begin(), wanted.end(),
      [](const std::string& part, std::string_view one) { return one == "*" || one == part; });
}

std::string client_address(const Request& request, const std::vector<std::string>& trusted_proxies) {
  const auto trusted = [&](const std::string& address) {
    return std::find(trusted_proxies.begin(), trusted_proxies.end(), address) != trusted_proxies.end();
  };
  auto address = request.peer;
  std::string chain = request.header("x-forwarded-for");
  while (trusted(address) && !chain.empty()) {
    const auto comma = chain.rfind(',');
    auto last = comma == std::string::npos ? chain : chain.substr(comma + 1);
    chain = comma == std::string::npos ? "" : chain.substr(0, comma);
    last.erase(0, last.find_first_not_of(" \t"));
    last.erase(last.find_last_not_of(" \t") + 1);
    asio::error_code no_address;
    (void)asio::ip::make_address(last, no_address);
    if (no_address) break;  // what cannot be read is not believed
    address = last;
  }
  return address;
}

bool is_own_host(const std::string& host, const std::vector<std::string>& more) {
  std::string name = host;
  if (name.starts_with('[')) {
    name = name.substr(1, name.find(']') - 1);
  } else if (const auto colon = name.rfind(':'); colon != std::string::npos && name.find(':') == colon) {
    name.erase(colon);
  }
  std::transform(
      name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.ends_with('.')) name.pop_back();
  if (name.empty()) return false;
  asio::error_code no_address;
  (void)asio::ip::make_address(name, no_address);
  if (!no_address || name.find('.') == std::string::npos) return true;
  for (const std::string_view local : {".local", ".lan", ".internal", ".home.arpa", ".localhost"})
    if (name.ends_with(local)) return true;
  return std::find(more.begin(), more.end(), name) != more.end();
}

// A page from elsewhere can make a browser send a form with our cookie where SameSite is not known, but it cannot add
// this header without being asked first, and we never answer that question with yes.
bool comes_from_our_page(const Request& request) {
  if (request.header("x-drydock") != "1") return false;
  const auto& site = request.header("sec-fetch-site");
  if (!site.empty() && site != "same-origin") return false;
  const auto& origin = request.header("origin");
  if (origin.empty()) return true;
  const auto host = origin.find("://");
  return host != std::string::npos && origin.substr(host + 3) == request.header("host");
}

Response problem(int status, const std::string& title, const std::string& detail) {
  nlohmann::json body{{"type", "about:blank"}, {"title", title}, {"status", status}};
  if (!detail.empty()) body["detail"] = detail;
  return {status, "application/problem+json", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

Response problem(const Error& error) {
  switch (error.kind) {
    case ErrorKind::malformed: return problem(422, "This cannot be used", error.message);
    case ErrorKind::too_large: return problem(413, "Too large", error.message);
    case ErrorKind::refused: return problem(403, "Not allowed", error.message);
    case ErrorKind::not_found: return problem(404, "Not found", error.message);
    case ErrorKind::conflict: return problem(409, "Not now", error.message);
    case ErrorKind::timed_out:
    case ErrorKind::closed:
    case ErrorKind::session_restarted:
    case ErrorKind::interrupted: return problem(503, "Busy", error.message);
    case ErrorKind::rate_limited: return problem(429, "Too many tries", error.message);
    case ErrorKind::storage:
    case ErrorKind::unusable_describe:
    case ErrorKind::internal: break;
  }
  return problem(500, "It did not work", error.message);
}

Response done() {
  return {204, "", ""};
}

}  // namespace drydock::web
