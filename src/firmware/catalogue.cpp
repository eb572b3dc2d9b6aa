#include "firmware/catalogue.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <tuple>

namespace drydock::firmware {
namespace {

bool earlier(const StockedModule* a, const StockedModule* b) {
  return std::tie(a->platform, a->key, a->version, a->sha256) < std::tie(b->platform, b->key, b->version, b->sha256);
}

}  // namespace

std::string StockedModule::title() const { return fmt::format("{} version {}", key.name(), version); }

StockedModule make_stocked(const Module& module, std::string file_name, std::string file_sha256, std::size_t size) {
  StockedModule s;
  s.sha256 = std::move(file_sha256);
  s.file_name = std::move(file_name);
  s.size = static_cast<std::uint32_t>(size);
  s.platform = module.prefix.platform;
  s.key = module.key();
  s.version = module.version();
  s.flags = module.prefix.flags;
  s.dependencies = module.dependencies();
  s.suffix_sha256 = to_hex(module.suffix.sha256);
  s.product_id = module.suffix.product_id;
  s.product_version = module.suffix.product_version;
  return s;
}

void Catalogue::add(StockedModule module) {
  auto sha = module.sha256;
  modules_.insert_or_assign(std::move(sha), std::move(module));
}

bool Catalogue::remove(const std::string& sha256) { return modules_.erase(sha256) != 0; }

const StockedModule* Catalogue::find(const std::string& sha256) const {
  const auto found = modules_.find(sha256);
  return found == modules_.end() ? nullptr : &found->second;
}

std::vector<const StockedModule*> Catalogue::candidates(std::uint16_t platform, ModuleKey key, std::uint16_t version) const {
  std::vector<const StockedModule*> list;
  for (const auto& [sha, module] : modules_)
    if (module.platform == platform && module.key == key && module.version >= version) list.push_back(&module);
  std::sort(list.begin(), list.end(), earlier);
  return list;
}

std::vector<const StockedModule*> Catalogue::all() const {
  std::vector<const StockedModule*> list;
  for (const auto& [sha, module] : modules_) list.push_back(&module);
  std::sort(list.begin(), list.end(), earlier);
  return list;
}

}  // namespace drydock::firmware
