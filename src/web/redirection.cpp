#include "web/redirection.hpp"

#include "base/text.hpp"
#include "web/http.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::web {

std::string_view header_of(std::string_view head, std::string_view name) {
  head = head.substr(0, head.find("\r\n\r\n"));
  for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    const auto field = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (!begins_with_lower_ascii(field, name) || !field.substr(name.size()).starts_with(':')) continue;
    auto value = field.substr(name.size() + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    return value;
  }
  return {};
}

std::string redirection(std::string_view head, const std::vector<std::string>& hosts) {
  const auto line = head.substr(0, head.find("\r\n"));
  const auto method = line.substr(0, line.find(' '));
  std::string_view path;
  if (const auto begin = line.find(' '); begin != std::string_view::npos)
    path = line.substr(begin + 1, line.rfind(' ') - begin - 1);
  const auto host = header_of(head, "host");
  const auto usable = [](std::string_view text, std::string_view more) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
          more.find(c) != std::string_view::npos;
    });
  };
  constexpr const char* end = "Connection: close\r\nContent-Length: 0\r\n\r\n";
  if ((method != "GET" && method != "HEAD") || host.empty() || !path.starts_with('/') || !usable(host, ".:-_[]") ||
      !is_own_host(std::string(host), hosts) || !usable(path, "/-._~%!$&'()*+,;=:@?"))
    return fmt::format("HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n{}", end);
  return fmt::format("HTTP/1.1 307 Temporary Redirect\r\nLocation: https://{}{}\r\n{}", host, path, end);
}

}  // namespace drydock::web
