// What a group, a platform or the whole fleet shall run, said once: turned into versions for the slots of one device
// when it is planned, for that depends on what it has and on what the library holds.
#pragma once

#include "firmware/inventory.hpp"
#include "firmware/library.hpp"

#include <string>
#include <vector>

namespace drydock::planning {

/// A target beyond "every dependency met": exactly this version in this slot, older or newer.
struct Target {
  firmware::ModuleKey key;
  std::uint16_t version = 0;
  std::string sha256;  ///< of the library's file; empty: any file of that version
  bool operator==(const Target&) const = default;
};

/// The target for what is in a file: two for a combined one.
std::vector<Target> targets_of(const firmware::LibraryModule& file);
/// An application of another product than the device is of: version numbers of two products say nothing about each
/// other. What belongs to no product names its platform instead.
bool is_of_other_product(const firmware::LibraryModule& file, std::uint16_t product_id);
/// The targets for a device of the platform and product from files of which some may be for others.
std::vector<Target> targets_of(
    const std::vector<firmware::LibraryModule>& files, std::uint16_t platform, std::uint16_t product_id);

enum class TargetKind {
  needs,     ///< what the application needs, no more
  latest,    ///< the newest Device OS of which the library has all system parts
  at_least,  ///< a Device OS as new as `version`
  exactly,   ///< this one
  release,   ///< the files of a named release
};

struct StandingTarget {
  TargetKind kind = TargetKind::needs;
  std::string version;          ///< of Device OS, "3.3.1"; or of its system modules, "3302"
  std::string release;          ///< its name
  std::vector<Target> modules;  ///< of the release, for the device's platform
  bool downgrade = false;       ///< `exactly` and `release`: also what is newer
  std::string rule;             ///< who says so: "group 'greenhouse'"
  bool operator==(const StandingTarget&) const = default;
};

/// "the latest Device OS in the library", "Device OS 3.3.1 or later", …
std::string target_words(const StandingTarget& target);
/// needs, latest, at_least, exactly, release: for JSON and the store.
std::string_view target_kind_name(TargetKind kind);
std::optional<TargetKind> parse_target_kind(std::string_view name);
/// "3.3.1" on a platform as its system modules' version; a plain number as it is; nothing when there is no such release
/// for the platform.
std::optional<std::uint16_t> system_version_of(std::uint16_t platform, std::string_view version);

/// For the slots of this device; empty when it has what it should.
std::vector<Target> targets_for(
    const StandingTarget& standing, const firmware::Inventory& installed, const firmware::Library& library);

}  // namespace drydock::planning
