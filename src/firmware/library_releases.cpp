#include "firmware/library_releases.hpp"

#include "firmware/platforms.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace drydock::firmware {
namespace {

// A file that brings exactly this module.
const LibraryModule* file_of(const Library& library, std::uint16_t platform, const ReleaseModule& module) {
  for (const auto* file : library.candidates(platform, module.key, module.version))
    if (file->version_of(module.key) == module.version) return file;
  return nullptr;
}

}  // namespace

std::vector<LibraryRelease> releases_in(const Library& library) {
  std::set<std::uint16_t> platforms;
  for (const auto* file : library.all()) platforms.insert(file->platform);
  std::vector<LibraryRelease> found;
  for (const auto platform : platforms) {
    auto releases = releases_of(platform);
    std::reverse(releases.begin(), releases.end());
    for (const auto& release : releases) {
      LibraryRelease here{platform, release.number, {}, {}};
      bool has_system_part = false;
      for (const auto& module : release.modules) {
        const auto* file = file_of(library, platform, module);
        has_system_part |= file != nullptr && module.key.function == Function::system_part;
        if (file == nullptr)
          here.missing.emplace_back(module.key, module.version);
        else if (std::find(here.files.begin(), here.files.end(), file) == here.files.end())
          here.files.push_back(file);
      }
      if (has_system_part) found.push_back(std::move(here));
    }
  }
  return found;
}

std::string release_file(std::uint16_t platform, ModuleKey key, ReleaseNumber number) {
  constexpr ReleaseNumber renamed{1, 0, 0};
  const auto* known = find_platform(platform);
  const auto module = key.function == Function::bootloader ? std::string("bootloader")
      : key.function == Function::system_part              ? fmt::format("system-part{}", key.index)
                                                           : "";
  if (known == nullptr || module.empty()) return "";
  return number < renamed ? fmt::format("{}-{}-{}", module, number.text(), known->key)
                          : fmt::format("{}-{}@{}", known->key, module, number.text());
}

}  // namespace drydock::firmware
