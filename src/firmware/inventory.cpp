#include "firmware/inventory.hpp"

#include <algorithm>
#include <array>

namespace drydock::firmware {

std::string validity::failed_words(std::uint32_t checked, std::uint32_t passed) {
  struct Name {
    std::uint32_t bit;
    const char* word;
  };
  constexpr std::array names{Name{integrity, "integrity"}, Name{dependencies, "dependencies"},
      Name{range, "address range"}, Name{platform, "platform"}, Name{product, "product"},
      Name{dependencies_full, "dependencies of others"}};
  std::string words;
  for (const auto& name : names) {
    if ((checked & name.bit) == 0 || (passed & name.bit) != 0) continue;
    if (!words.empty()) words += ", ";
    words += name.word;
  }
  return words;
}

const InstalledModule* Inventory::find(ModuleKey key) const {
  const auto slot = find_slot(platform, key.function, key.index);
  const InstalledModule* first = nullptr;
  for (const auto& module : modules) {
    if (module.store != StoreLocation::main || module.key != key) continue;
    if (slot && module.max_size == slot->max_size()) return &module;
    if (first == nullptr) first = &module;
  }
  return first;
}

std::vector<const InstalledModule*> Inventory::effective() const {
  std::vector<const InstalledModule*> list;
  for (const auto& module : modules) {
    if (module.key.function == Function::none) continue;
    const auto* chosen = find(module.key);
    if (chosen != nullptr && std::find(list.begin(), list.end(), chosen) == list.end()) list.push_back(chosen);
  }
  return list;
}

}  // namespace drydock::firmware
