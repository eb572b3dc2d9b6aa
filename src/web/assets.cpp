#include "web/assets.hpp"

#include <algorithm>
#include <map>

namespace drydock::embedded_page {
std::span<const EmbeddedFile> files();
}

namespace drydock::web {

std::optional<EmbeddedFile> asset(std::string_view name) {
  const auto files = embedded_page::files();
  const auto found =
      std::find_if(files.begin(), files.end(), [&](const EmbeddedFile& file) { return file.name == name; });
  if (found == files.end()) return std::nullopt;
  return *found;
}

std::string media_type(std::string_view name) {
  static const std::map<std::string_view, const char*> types{{".html", "text/html; charset=utf-8"},
      {".css", "text/css; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"}, {".svg", "image/svg+xml"},
      {".json", "application/json"}, {".png", "image/png"}, {".webmanifest", "application/manifest+json"}};
  const auto dot = name.rfind('.');
  const auto found = dot == std::string_view::npos ? types.end() : types.find(name.substr(dot));
  return found == types.end() ? "application/octet-stream" : found->second;
}

}  // namespace drydock::web
