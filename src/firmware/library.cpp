#include "firmware/library.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <tuple>

namespace drydock::firmware {
namespace {

bool earlier(const LibraryModule* a, const LibraryModule* b) {
  return std::tie(a->platform, a->key, a->version, a->sha256) < std::tie(b->platform, b->key, b->version, b->sha256);
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

std::string LibraryModule::title() const {
  auto text = fmt::format("{} version {}", key.name(), version);
  if (second_module) text += fmt::format(" with {} version {}", second_module->key.name(), second_module->version);
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
  if (file.members.size() > 1) {
    const auto& second = file.members.back().installed();
    s.second_module = ModuleInfo{second.key(), second.version(), second.dependencies(), to_hex(second.suffix.sha256)};
  }
  return s;
}

void Library::add(LibraryModule module) {
  auto sha = module.sha256;
  modules_.insert_or_assign(std::move(sha), std::move(module));
}

bool Library::remove(const std::string& sha256) {
  return modules_.erase(sha256) != 0;
}

const LibraryModule* Library::find(const std::string& sha256) const {
  const auto found = modules_.find(sha256);
  return found == modules_.end() ? nullptr : &found->second;
}

std::vector<const LibraryModule*> Library::candidates(
    std::uint16_t platform, ModuleKey key, std::uint16_t version) const {
  std::vector<const LibraryModule*> list;
  for (const auto& [sha, module] : modules_)
    if (module.platform == platform && module.version_of(key).value_or(0) >= version && module.version_of(key))
      list.push_back(&module);
  const auto rank = [&](const LibraryModule* m) {
    return std::tuple(*m->version_of(key), m->second_module.has_value(), m->size, std::string_view(m->sha256));
  };
  std::sort(list.begin(), list.end(), [&](const auto* a, const auto* b) { return rank(a) < rank(b); });
  return list;
}

std::vector<const LibraryModule*> Library::all() const {
  std::vector<const LibraryModule*> list;
  for (const auto& [sha, module] : modules_) list.push_back(&module);
  std::sort(list.begin(), list.end(), earlier);
  return list;
}

}  // namespace drydock::firmware
