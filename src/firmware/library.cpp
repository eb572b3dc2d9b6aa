#include "firmware/library.hpp"

#include "firmware/releases.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <tuple>

namespace drydock::firmware {
namespace {

bool earlier(const LibraryModule* a, const LibraryModule* b) {
  return std::tie(a->platform, a->key, a->version, a->sha256) < std::tie(b->platform, b->key, b->version, b->sha256);
}

bool is_unlike_release(const LibraryModule& module) {
  const auto released = released_dependencies(module.platform, module.key, module.version);
  return released && *released != module.dependencies;
}

}  // namespace

std::vector<ModuleInfo> LibraryModule::members() const {
  std::vector<ModuleInfo> list{{key, version, dependencies, suffix_sha256}};
  if (second_module) list.push_back(*second_module);
  return list;
}

std::optional<std::uint16_t> LibraryModule::version_of(ModuleKey wanted) const {
  if (key == wanted) return version;
  if (second_module && second_module->key == wanted) return second_module->version;
  return std::nullopt;
}

bool LibraryModule::needs_later_self() const {
  for (const auto& member : members())
    for (const auto& need : member.dependencies)
      if (need.key == member.key && need.version > member.version) return true;
  return false;
}

std::string LibraryModule::title() const {
  if (asset) return fmt::format("asset '{}'", asset->name);
  auto text = module_title(platform, key, version);
  if (second_module) text += " with " + module_title(platform, second_module->key, second_module->version);
  return text;
}

LibraryModule make_library_module(const ModuleFile& file, std::string file_name, std::string file_sha256) {
  const auto& module = file.members.front().module;
  const auto& installed = file.members.front().installed();
  LibraryModule s;
  s.sha256 = std::move(file_sha256);
  s.file_name = std::move(file_name);
  s.size = static_cast<std::uint32_t>(file.size);
  s.platform = module.prefix.platform;
  s.key = module.key();
  s.version = module.version();
  s.flags = module.prefix.flags;
  s.dependencies = module.dependencies();
  s.suffix_sha256 = to_hex(installed.suffix.sha256);
  s.product_id = installed.suffix.product_id;
  s.product_version = installed.suffix.product_version;
  s.asset = asset_in(module);
  if (s.asset) s.suffix_sha256 = s.asset->sha256;
  for (const auto& member : file.members)
    for (auto& asset : assets_needed_by(member.installed())) s.required_assets.push_back(std::move(asset));
  if (file.members.size() > 1) {
    const auto& second = file.members.back().installed();
    s.second_module = ModuleInfo{second.key(), second.version(), second.dependencies(), to_hex(second.suffix.sha256)};
  }
  s.unlike_release = is_unlike_release(s);
  return s;
}

void Library::add(LibraryModule module) {
  remove(module.sha256);
  module.unlike_release = is_unlike_release(module);
  const auto added = std::make_shared<const LibraryModule>(std::move(module));
  modules_.emplace(added->sha256, added);
  for (const auto& member : added->members()) {
    auto& slot = by_slot_[{added->platform, member.key}];
    const auto rank = [&](const LibraryModule& m) {
      return std::tuple(
          *m.version_of(member.key), m.unlike_release, m.second_module.has_value(), m.size, std::string_view(m.sha256));
    };
    slot.insert(std::upper_bound(
                    slot.begin(), slot.end(), added, [&](const auto& a, const auto& b) { return rank(*a) < rank(*b); }),
        added);
  }
}

bool Library::remove(const std::string& sha256) {
  const auto found = modules_.find(sha256);
  if (found == modules_.end()) return false;
  for (const auto& member : found->second->members())
    std::erase(by_slot_[{found->second->platform, member.key}], found->second);
  modules_.erase(found);
  return true;
}

const LibraryModule* Library::find(const std::string& sha256) const {
  const auto found = modules_.find(sha256);
  return found == modules_.end() ? nullptr : found->second.get();
}

std::vector<const LibraryModule*> Library::candidates(
    std::uint16_t platform, ModuleKey key, std::uint16_t version) const {
  const auto slot = by_slot_.find({platform, key});
  if (slot == by_slot_.end()) return {};
  const auto first = std::partition_point(
      slot->second.begin(), slot->second.end(), [&](const auto& module) { return *module->version_of(key) < version; });
  std::vector<const LibraryModule*> list;
  for (auto at = first; at != slot->second.end(); ++at) list.push_back(at->get());
  return list;
}

const LibraryModule* Library::find_asset(std::uint16_t platform, const Asset& asset) const {
  constexpr std::uint16_t any_platform = 0;
  for (const auto of : {platform, any_platform})
    for (const auto* module : candidates(of, {Function::asset, 0}, 0))
      if (module->asset == asset) return module;
  return nullptr;
}

std::vector<const LibraryModule*> Library::all() const {
  std::vector<const LibraryModule*> list;
  for (const auto& [sha, module] : modules_) list.push_back(module.get());
  std::sort(list.begin(), list.end(), earlier);
  return list;
}

}  // namespace drydock::firmware
