#include "planning/standing_target.hpp"

#include "firmware/releases.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/core.h>
#include <set>
#include <utility>

namespace drydock::planning {
namespace {

using namespace std::string_view_literals;
using firmware::InstalledModule;
using firmware::Inventory;
using firmware::Library;
using firmware::ModuleKey;

constexpr std::array kinds{std::pair{TargetKind::needs, "needs"sv}, std::pair{TargetKind::latest, "latest"sv},
    std::pair{TargetKind::at_least, "at_least"sv}, std::pair{TargetKind::exactly, "exactly"sv},
    std::pair{TargetKind::release, "release"sv}};

std::vector<const InstalledModule*> system_parts_of(const Inventory& installed) {
  auto modules = installed.effective();
  std::erase_if(modules, [](const InstalledModule* m) { return m->key.function != firmware::Function::system_part; });
  return modules;
}

// Of Device OS releases from `least` on, those of which the library has every system part that the device has.
std::set<std::uint16_t> whole_versions(
    const Inventory& installed, const Library& library, const std::vector<const InstalledModule*>& parts, int least) {
  std::set<std::uint16_t> whole;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::set<std::uint16_t> versions;
    const auto key = parts[i]->key;
    for (const auto* file : library.candidates(installed.platform, key, static_cast<std::uint16_t>(least)))
      versions.insert(*file->version_of(key));
    if (i == 0)
      whole = std::move(versions);
    else
      std::erase_if(whole, [&](std::uint16_t version) { return !versions.contains(version); });
  }
  return whole;
}

// Each system part at one version, `older`: also those that are newer.
std::vector<Target> system_at(const std::vector<const InstalledModule*>& parts, std::uint16_t version, bool older) {
  std::vector<Target> targets;
  for (const auto* part : parts)
    if (part->version < version || (older && part->version > version)) targets.push_back({part->key, version, ""});
  return targets;
}

}  // namespace

std::vector<Target> targets_of(const firmware::LibraryModule& file) {
  std::vector<Target> targets;
  for (const auto& member : file.members()) targets.push_back({member.key, member.version, file.sha256});
  return targets;
}

bool is_of_other_product(const firmware::LibraryModule& file, std::uint16_t product_id) {
  const auto is_product = [&](std::uint32_t id) { return id != file.platform && id != 0 && id != 0xffff; };
  return file.product_id && is_product(*file.product_id) && is_product(product_id) && *file.product_id != product_id;
}

std::vector<Target> targets_of(
    const std::vector<firmware::LibraryModule>& files, std::uint16_t platform, std::uint16_t product_id) {
  std::vector<Target> targets;
  for (const auto& file : files)
    if (file.platform == platform && !file.asset && !is_of_other_product(file, product_id))
      for (auto& target : targets_of(file)) targets.push_back(std::move(target));
  return targets;
}

std::string target_words(const StandingTarget& target) {
  switch (target.kind) {
    case TargetKind::needs: return "what its application needs";
    case TargetKind::latest: return "the latest Device OS in the library";
    case TargetKind::at_least: return fmt::format("Device OS {} or later", target.version);
    case TargetKind::exactly: return fmt::format("Device OS {}", target.version);
    case TargetKind::release: return fmt::format("release '{}'", target.release);
  }
  return "";
}

std::string_view target_kind_name(TargetKind kind) {
  return std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == kind; })->second;
}

std::optional<TargetKind> parse_target_kind(std::string_view name) {
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.second == name; });
  if (found == kinds.end()) return std::nullopt;
  return found->first;
}

std::optional<std::uint16_t> system_version_of(std::uint16_t platform, std::string_view version) {
  if (const auto number = firmware::parse_release_number(version)) {
    const auto release = firmware::find_release(platform, *number);
    return release && release->system_version != 0 ? std::optional(release->system_version) : std::nullopt;
  }
  std::uint16_t plain = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), plain);
  if (error != std::errc() || end != version.data() + version.size() || plain == 0) return std::nullopt;
  return plain;
}

std::vector<Target> targets_for(const StandingTarget& standing, const Inventory& installed, const Library& library) {
  if (standing.kind == TargetKind::needs) return {};
  if (standing.kind == TargetKind::release) {
    auto targets = standing.modules;
    if (!standing.downgrade)
      std::erase_if(targets, [&](const Target& target) {
        const auto* now = installed.find(target.key);
        return now != nullptr && now->version > target.version;
      });
    return targets;
  }
  const auto parts = system_parts_of(installed);
  if (parts.empty()) return {};
  if (standing.kind == TargetKind::latest) {
    const auto whole = whole_versions(installed, library, parts, 0);
    return whole.empty() ? std::vector<Target>() : system_at(parts, *whole.rbegin(), false);
  }
  const auto version = system_version_of(installed.platform, standing.version);
  if (!version) return {};
  if (standing.kind == TargetKind::exactly) return system_at(parts, *version, standing.downgrade);
  const auto is_older = [&](const InstalledModule* part) { return part->version < *version; };
  if (std::none_of(parts.begin(), parts.end(), is_older)) return {};
  // Where the library has none the plan says which file is missing.
  const auto whole = whole_versions(installed, library, parts, *version);
  return system_at(parts, whole.empty() ? *version : *whole.begin(), false);
}

}  // namespace drydock::planning
