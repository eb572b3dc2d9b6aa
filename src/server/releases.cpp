#include "server/releases.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "firmware/platforms.hpp"
#include "firmware/releases.hpp"
#include "server/firmware_import.hpp"
#include "store/policies.hpp"
#include "store/rollouts.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <map>
#include <set>

namespace drydock::server {
namespace {

constexpr std::size_t longest_name = 64;

}  // namespace

Result<void> usable_release_name(const std::string& name) {
  const auto blank = [](char c) { return c == ' '; };
  const bool odd =
      name.empty() || blank(name.front()) || blank(name.back()) || name.front() == '-' || name.front() == '.';
  if (odd || name.size() > longest_name || log::printable(name) != name ||
      name.find_first_of("/\\") != std::string::npos)
    return failure(ErrorKind::malformed,
        fmt::format("a release has a name of at most {} bytes, without '/' and control characters, that begins with a "
                    "letter or a digit",
            longest_name));
  return {};
}

Result<store::ReleaseRow> create_release(store::Database& db, const std::string& name,
    const std::vector<std::string>& files, const std::string& notes, std::int64_t utc_now) {
  if (const auto usable = usable_release_name(name); !usable) return tl::unexpected(usable.error());
  if (store::load_release(db, name))
    return failure(ErrorKind::conflict, fmt::format("there is a release '{}', and releases do not change", name));
  if (store::count_releases(db) >= limits::releases)
    return failure(ErrorKind::conflict,
        fmt::format(
            "there are {} releases, as many as may be: remove some that no device needs any more", limits::releases));
  store::ReleaseRow release;
  release.name = name;
  release.notes = shorten(notes, limits::notes);
  release.created = utc_now;
  std::map<std::pair<std::uint16_t, firmware::ModuleKey>, std::string> slots;
  std::set<std::string> seen;
  for (const auto& file : files) {
    auto module = find_in_library(db, file);
    if (!module) return tl::unexpected(module.error());
    if (!seen.insert(module->sha256).second) continue;
    for (const auto& member : module->members()) {
      if (module->asset) continue;
      const auto [slot, fresh] = slots.try_emplace({module->platform, member.key}, module->file_name);
      if (!fresh)
        return failure(ErrorKind::conflict,
            fmt::format("{} and {} are both {} for a {}: a release has one", slot->second, module->file_name,
                member.key.name(), firmware::platform_name(module->platform)));
    }
    release.modules.push_back(std::move(*module));
  }
  if (release.modules.empty()) return failure(ErrorKind::malformed, "say which files of the library the release has");
  store::add_release(db, release);
  return release;
}

std::vector<std::string> needs_of(const store::ReleaseRow& release) {
  std::vector<std::string> needs;
  const auto has = [&](std::uint16_t platform, const firmware::Dependency& need) {
    return std::any_of(release.modules.begin(), release.modules.end(), [&](const firmware::LibraryModule& file) {
      const auto version = file.platform == platform ? file.version_of(need.key) : std::nullopt;
      return version && *version >= need.version;
    });
  };
  for (const auto& file : release.modules)
    for (const auto& member : file.members())
      for (const auto& need : member.dependencies) {
        if (has(file.platform, need)) continue;
        auto words = fmt::format("{} needs {} {}", firmware::module_title(file.platform, member.key, member.version),
            firmware::platform_name(file.platform), firmware::module_title(file.platform, need.key, need.version));
        if (std::find(needs.begin(), needs.end(), words) == needs.end()) needs.push_back(std::move(words));
      }
  return needs;
}

Result<void> remove_release(store::Database& db, const std::string& name) {
  if (!store::load_release(db, name))
    return failure(ErrorKind::not_found, fmt::format("no release '{}': see 'drydock releases list'", name));
  if (store::is_rolled_out(db, name))
    return failure(ErrorKind::conflict,
        fmt::format("devices have release '{}' by a rollout: 'drydock rollouts list' says by which, and 'rollouts "
                    "remove' forgets it",
            name));
  if (store::is_wanted_release(db, name))
    return failure(
        ErrorKind::conflict, fmt::format("release '{}' is what devices shall have: see 'drydock targets list'", name));
  store::remove_release(db, name);
  return {};
}

}  // namespace drydock::server
