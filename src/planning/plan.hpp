// The planner: what a device reports, what the library holds and what a person asked for, turned into an ordered list
// of modules to send, each with its reason, or into the list of files that are missing. A pure function; every Describe
// is planned afresh (PROTOCOL §7.3).
#pragma once

#include "firmware/inventory.hpp"
#include "firmware/library.hpp"
#include "planning/standing_target.hpp"

namespace drydock::planning {

/// What a device shall have.
struct Targets {
  std::vector<Target> targets;
  std::optional<StandingTarget> standing = {};  ///< for slots of which `targets` says nothing
  /// Whether `targets` says something of the slot.
  bool names(firmware::ModuleKey key) const;
};

struct Step {
  firmware::LibraryModule module;
  std::optional<std::uint16_t> from_version;  ///< installed before this step; nothing when the slot is empty
  std::string reason;                         ///< "application version 6 needs system part 2 version 8"
  bool operator==(const Step&) const = default;
};

/// A module file that somebody would have to add.
struct Missing {
  firmware::Dependency need;  ///< version 0: none in particular
  std::string words;  ///< "Photon system part 1 version 3302 (Device OS 3.3.1): application version 6 needs …"
  bool operator==(const Missing&) const = default;
};

struct Plan {
  std::vector<Step> steps;       ///< to be sent in this order; empty when blocked
  std::vector<Missing> missing;  ///< why nothing can be sent; at most limits::missing_modules_per_plan
  std::size_t missing_more = 0;  ///< beyond those
  std::vector<std::string>
      notes;  ///< worth saying, changes nothing: a damaged module without a replacement, say; bounded likewise
  std::string unreached;  ///< why the standing target is not come to; empty: it is, or there is none
  bool current() const { return steps.empty() && missing.empty(); }
  bool blocked() const { return !missing.empty(); }
};

/// "missing in the library: …; … and 61 more".
std::string missing_words(const Plan& plan);

/// Steps in an order in which the device takes each, stays reachable behind each, and needs nothing in the end. Blocked
/// when there is no such order with the library's files; `missing` then names the files of public releases that would
/// open one, where there are such. A standing target that cannot be reached never keeps back what the device needs:
/// then the plan says why, and is without it. Costs some ten microseconds, and up to one millisecond where it is
/// blocked.
Plan plan(const firmware::Inventory& installed, const firmware::Library& library, const Targets& targets = {});

/// Dependencies of installed main-store modules that are not met, in Describe order, without repetition.
std::vector<firmware::Dependency> unmet_dependencies(const firmware::Inventory& installed);

}  // namespace drydock::planning
