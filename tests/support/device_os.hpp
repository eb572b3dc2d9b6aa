/// What Device OS of every release does with a module, and whether a device still starts afterwards: written from the
/// facts in src/firmware/device_os, without the product's planner or its reading of them.
#pragma once

#include "base/bytes.hpp"
#include "virtual_device/flash.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace drydock::testing::device_os {

using SlotName = std::pair<std::uint8_t, std::uint8_t>;  ///< function and index, as in the file format

struct Need {
  SlotName slot;
  std::uint16_t version = 0;
};

struct Module {
  SlotName slot;
  std::uint16_t version = 0;
  std::vector<Need> needs;  ///< in the file's order
  std::uint32_t start = 0;  ///< address
};

struct Release {
  std::uint16_t platform = 0;
  std::string platform_name;
  std::string number;  ///< "3.3.1"
  std::uint16_t system_version = 0;
  bool published = false;
  std::vector<Module> modules;     ///< with the release's own user part, Tinker
  std::set<SlotName> slots;        ///< that the device knows
  bool second_dependency = false;  ///< checked before a module is accepted (0.7.0 and later)
  bool reverse_check = false;      ///< a system part may not take from another what that needs (0.5.3 and later)
  bool assets = false;
  bool protobuf_describe = false;
};

/// Oldest first, platform by platform.
const std::vector<Release>& releases();
std::vector<const Release*> releases_of(std::uint16_t platform);
std::vector<std::uint16_t> platforms();

using State = std::map<SlotName, Module>;

State factory_state(const Release& release);

/// The release whose code decides in this state: that of the system part which has the slot table.
const Release* running(std::uint16_t platform, const State& state);

/// What becomes of a module sent in this state. Undefined: the release follows a null pointer, or looks no further
/// than its tables; seen to pass, to be refused, and to leave a device that does not start.
enum class Reception { accepted, refused, undefined };
Reception receive(std::uint16_t platform, const State& state, const Module& module);

/// Empty when the device starts and can be reached over the air, in safe mode or not; else why not.
std::string why_dead(std::uint16_t platform, const State& state);

/// A small module file with this header.
Bytes make_file(std::uint16_t platform, const Module& module);

/// A virtual device's flash memory that takes modules as its release does.
virtual_device::Flash make_flash(std::uint16_t platform, const State& state);

}  // namespace drydock::testing::device_os
