#include "web/multipart.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <optional>

namespace drydock::web {
namespace {

constexpr std::size_t most_parts = 32;
constexpr std::size_t longest_boundary = 70;  // RFC 2046 §5.1.1

// The value of `; name=value` or `; name="value"`.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  for (auto at = header.find(';'); at != std::string_view::npos; at = header.find(';', at + 1)) {
    auto rest = header.substr(at + 1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (!begins_with_lower_ascii(rest, name) || rest.size() <= name.size() || rest[name.size()] != '=') continue;
    rest.remove_prefix(name.size() + 1);
    if (!rest.starts_with('"')) return std::string(rest.substr(0, rest.find_first_of("; \t\r")));
    std::string value;
    for (std::size_t i = 1; i < rest.size() && rest[i] != '"'; ++i) {
      if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
      value += rest[i];
    }
    return value;
  }
  return std::nullopt;
}

// The part's name and file name from its header lines.
Result<Part> read_header(std::string_view lines) {
  constexpr std::string_view disposition = "content-disposition:";
  while (!lines.empty()) {
    const auto end = std::min(lines.find("\r\n"), lines.size());
    const auto line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 2, lines.size()));
    if (!begins_with_lower_ascii(line, disposition)) continue;
    const auto name = parameter(line, "name");
    if (!name) break;
    Part part;
    part.name = *name;
    part.filename = parameter(line, "filename").value_or("");
    return part;
  }
  return failure(ErrorKind::malformed, "a part of the form has no name");
}

// Where a delimiter's line begins. What goes on behind the boundary is content that only begins alike.
std::size_t find_delimiter(std::string_view body, const std::string& delimiter, std::size_t from) {
  for (auto at = body.find(delimiter, from); at != std::string_view::npos; at = body.find(delimiter, at + 1)) {
    const auto behind = body.substr(at + delimiter.size());
    if (behind.starts_with("\r\n") || behind.starts_with("--")) return at;
  }
  return std::string_view::npos;
}

}  // namespace

Result<std::vector<Part>> parse_multipart(std::string_view content_type, std::string_view body) {
  const auto boundary = parameter(content_type, "boundary");
  if (!begins_with_lower_ascii(content_type, "multipart/form-data") || !boundary || boundary->empty() ||
      boundary->size() > longest_boundary)
    return failure(ErrorKind::malformed, "the body must be multipart/form-data with a boundary");
  const auto delimiter = "--" + *boundary;
  std::vector<Part> parts;
  auto at = body.starts_with(delimiter) ? 0 : find_delimiter(body, "\r\n" + delimiter, 0);
  if (at != std::string_view::npos && at != 0) at += 2;
  while (at != std::string_view::npos) {
    at += delimiter.size();
    if (body.substr(at).starts_with("--")) return parts;
    const auto blank = body.find("\r\n\r\n", at);
    // A part without content: the delimiter's line break is the second of the blank line.
    const auto end = blank == std::string_view::npos ? blank : find_delimiter(body, "\r\n" + delimiter, blank + 2);
    if (end == std::string_view::npos || parts.size() == most_parts) break;
    auto part = read_header(body.substr(at + 2, blank - std::min(blank, at + 2)));
    if (!part) return tl::unexpected(part.error());
    const auto begin = std::min(blank + 4, end);
    part->content = body.substr(begin, end - begin);
    parts.push_back(std::move(*part));
    at = end + 2;
  }
  return failure(ErrorKind::malformed, "the form breaks off in the middle");
}

}  // namespace drydock::web
