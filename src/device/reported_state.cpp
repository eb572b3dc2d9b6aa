#include "device/reported_state.hpp"

#include <algorithm>

namespace drydock::device {

firmware::Inventory ReportedState::inventory() const {
  firmware::Inventory inventory;
  inventory.platform = hello.platform;
  if (system) {
    inventory.modules = system->modules;
    inventory.required_assets = system->required_assets;
    inventory.assets = system->assets;
  }
  if (const auto* platform = firmware::find_platform(hello.platform)) inventory.max_binary = platform->max_binary;
  if (max_binary != 0) inventory.max_binary = max_binary;
  inventory.accepts_compressed = hello.has_flag(hello_flag::compressed_ota);
  inventory.update_applied = hello.has_flag(hello_flag::ota_succeeded);
  return inventory;
}

namespace {

// Of the system module, which follows Device OS's (PROTOCOL §1.4); 0 when the device reports none.
std::uint16_t system_version(const ReportedState& reported) {
  if (reported.hello.system_version != 0) return reported.hello.system_version;
  const auto known = reported.inventory();
  const auto* part = known.find({firmware::Function::system_part, 1});
  return part == nullptr ? std::uint16_t{0} : part->version;
}

}  // namespace

bool ReportedState::resets_without_reply() const {
  constexpr std::uint16_t first_that_answers = 300;
  const auto version = system_version(*this);
  return version != 0 && version < first_that_answers;
}

bool ReportedState::sends_synchronously() const {
  constexpr std::uint16_t first_that_does_not = 2000;
  const auto version = system_version(*this);
  return version != 0 && version < first_that_does_not;
}

std::uint16_t ReportedState::usable_chunk_size() const {
  constexpr std::uint16_t usual = 512;
  constexpr std::uint16_t smallest = 128;
  const bool sensible = chunk_size >= smallest && chunk_size <= usual && chunk_size % 4 == 0;
  return sensible ? chunk_size : usual;
}

std::uint16_t ReportedState::ota_v3_chunk_size() const {
  constexpr int smallest = 512;
  constexpr int largest = 1136;
  constexpr int header = 14;
  return static_cast<std::uint16_t>(std::clamp((hello.max_message - header) / 4 * 4, smallest, largest));
}

}  // namespace drydock::device
