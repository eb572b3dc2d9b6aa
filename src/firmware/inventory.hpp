// What a device reports to have installed: the part of a Describe that planning needs, whatever form it came in.
#pragma once

#include "firmware/module.hpp"

namespace drydock::firmware {

/// Validity checks of a reported module (PROTOCOL §4.2): which were made, which passed.
namespace validity {
inline constexpr std::uint32_t integrity = 0x02;
inline constexpr std::uint32_t dependencies = 0x04;
inline constexpr std::uint32_t range = 0x08;
inline constexpr std::uint32_t platform = 0x10;
inline constexpr std::uint32_t product = 0x20;
inline constexpr std::uint32_t dependencies_full = 0x40;
/// "integrity, dependencies": the checks in `checked` that are not in `passed`; empty when all passed.
std::string failed_words(std::uint32_t checked, std::uint32_t passed);
}  // namespace validity

/// Which copy of a module an entry speaks of.
enum class StoreLocation : std::uint8_t { main, factory, backup, scratchpad, other };

struct InstalledModule {
  ModuleKey key;
  std::uint16_t version = 0;
  StoreLocation store = StoreLocation::main;
  std::uint32_t max_size = 0;  ///< of the slot; 0 when not said
  std::uint32_t checked = 0;   ///< validity bits
  std::uint32_t passed = 0;
  std::string sha256;  ///< lower-case hex of a user part's suffix; empty when not said
  std::vector<Dependency> dependencies;

  bool operator==(const InstalledModule&) const = default;
  bool valid() const { return passed == checked; }
  bool damaged() const { return (checked & validity::integrity) != 0 && (passed & validity::integrity) == 0; }
};

struct Inventory {
  std::uint16_t platform = 0;
  std::vector<InstalledModule> modules;  ///< in the device's order, everything it said
  std::vector<Asset> required_assets;    ///< of the application that is installed
  std::vector<Asset> assets;             ///< present in its storage
  std::uint32_t max_binary = 0;          ///< largest file it takes; 0 when not said
  bool accepts_compressed = false;
  bool update_applied = false;  ///< a Core's Hello says that what it was sent last is what runs

  /// The main-store module of this slot. Of duplicates the one whose slot size is right for the platform wins, else the
  /// first: devices have been seen to report a stray copy in another slot (PROTOCOL §7.7, E1).
  const InstalledModule* find(ModuleKey key) const;
  /// Main-store modules that planning considers, one for each slot, in the device's order.
  std::vector<const InstalledModule*> effective() const;
};

}  // namespace drydock::firmware
