#include "device/facts.hpp"

namespace drydock::device {

firmware::Inventory Facts::inventory() const {
  firmware::Inventory inventory;
  inventory.platform = hello.platform;
  if (system) inventory.modules = system->modules;
  if (const auto* platform = firmware::find_platform(hello.platform)) inventory.max_binary = platform->max_binary;
  if (max_binary != 0) inventory.max_binary = max_binary;
  inventory.accepts_compressed = hello.says(hello_flag::compressed_ota);
  return inventory;
}

}  // namespace drydock::device
