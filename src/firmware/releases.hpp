// The public releases of Device OS: which modules each brings to a platform, and what those need. The facts, with the
// source of each, are in device_os/releases.json and device_os/SOURCES.md.
#pragma once

#include "firmware/module.hpp"

#include <array>
#include <span>

namespace drydock::firmware {

/// A stable release's number: 3.3.1.
struct ReleaseNumber {
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  std::uint8_t patch = 0;
  auto operator<=>(const ReleaseNumber&) const = default;
  std::string text() const;
};

/// "3.3.1"; nothing for anything else, release candidates included: the table has stable releases only.
std::optional<ReleaseNumber> parse_release_number(std::string_view text);

/// A module as its file's prefix says it.
struct ReleaseModule {
  ModuleKey key;
  std::uint16_t version = 0;
  std::array<Dependency, 2> dependencies;  ///< in the file's order; a function of `none` where there is none
  std::vector<Dependency> needs() const;   ///< those that exist
};

struct Release {
  std::uint16_t platform = 0;
  ReleaseNumber number;
  std::uint16_t system_version = 0;        ///< of its system parts; 0 for a Core before 0.7.0, which has none
  bool published = false;                  ///< in Particle's list for this platform; else it can only be built
  std::span<const ReleaseModule> modules;  ///< without user parts, and without what a factory alone installs
};

/// Where modules of a slot lie in some release: one of the two is known, as a module grows up or down.
struct SlotPlace {
  std::uint16_t platform = 0;
  ModuleKey key;
  std::optional<std::uint32_t> start;  ///< address of its first byte; 0 in a flash of its own
  std::optional<std::uint32_t> end;    ///< behind its last byte, without the CRC
};

/// Empty where no release of the platform has this slot, or no release of it is known.
std::vector<SlotPlace> places_of(std::uint16_t platform, ModuleKey key);
/// Whether modules for this slot are of use to the platform: true, too, for a platform of which no release is known.
bool may_have_slot(std::uint16_t platform, ModuleKey key);

/// What the module that Particle released as this version needs; nothing for other versions.
std::optional<std::vector<Dependency>> released_dependencies(
    std::uint16_t platform, ModuleKey key, std::uint16_t version);
/// The newest version of this slot's module in any release; 0: none is known.
std::uint16_t newest_released_version(std::uint16_t platform, ModuleKey key);

/// Oldest first; empty for a platform that the table does not know.
std::vector<Release> releases_of(std::uint16_t platform);
std::optional<Release> find_release(std::uint16_t platform, ReleaseNumber number);

/// The release whose system parts have this version; nothing for versions between releases, and for the few that two
/// releases share.
std::optional<ReleaseNumber> release_of_system_version(std::uint16_t platform, std::uint16_t version);

/// "3.3.1" of a system part or a Core's monolithic image; empty for other modules, and where it is not known.
std::string release_words(std::uint16_t platform, ModuleKey key, std::uint16_t version);

/// The versions of system parts, on any platform, that a person means by "3302", "3.3.1" or "3.3"; empty for other
/// words.
std::vector<std::uint16_t> versions_like(std::string_view text);

/// "3302 (3.3.1)", "1100".
std::string version_text(std::uint16_t platform, ModuleKey key, std::uint16_t version);

/// "system part 1 version 3302 (3.3.1)", "bootloader version 1100", "asset".
std::string module_title(std::uint16_t platform, ModuleKey key, std::uint16_t version);

/// The system part that knows the slots' addresses (hal/src/*/ota_module_bounds.c of Device OS is linked into it), and
/// so decides for which slots a device takes modules: part 2 where there is one (Photon, P1, Electron), else part 1.
ModuleKey slot_table_holder(std::uint16_t platform);

/// For a slot that not every release of the platform has: what must be installed before a module for it is taken.
/// A device of an older release does not know where to put one, and refuses or loses it.
std::optional<Dependency> slot_requirement(std::uint16_t platform, ModuleKey key);

}  // namespace drydock::firmware
