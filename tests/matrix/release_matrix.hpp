/// From every release of Device OS to every other: what the planner makes of it, carried out on a virtual device that
/// takes modules as each release does.
#pragma once

#include "firmware/library.hpp"
#include "planning/plan.hpp"
#include "support/device_os.hpp"

namespace drydock::testing {

/// Every module of every release of one platform, as files and as the product's library.
struct ReleaseFiles {
  explicit ReleaseFiles(std::uint16_t platform);

  /// The library's entry of this module.
  const firmware::LibraryModule& entry(const device_os::Module& module) const;
  const Bytes& file(const std::string& sha256) const { return files.at(sha256); }

  std::uint16_t platform;
  firmware::Library library;
  std::map<std::string, Bytes> files;                  ///< by SHA-256
  std::map<std::string, device_os::Module> by_sha256;  ///< the same as facts
};

/// The application of `to`, and for a downgrade its system parts as well.
planning::Targets targets_for(const ReleaseFiles& files, const device_os::Release& from, const device_os::Release& to);

/// A device's own words, as the planner gets them.
firmware::Inventory described(const virtual_device::Flash& flash, std::uint16_t platform, bool protobuf);

struct Path {
  std::vector<std::string> steps;  ///< "system part 1 version 207 (0.7.0)"
  bool arrived = false;
  std::string why_not;  ///< the planner's words where there is no path
  std::string fault;    ///< a refused or undefined module, a dead state, a plan without an end: never acceptable
};

/// Plans afresh after each step, as after each reset of a device.
Path follow(const ReleaseFiles& files, const device_os::Release& from, const device_os::Release& to);

}  // namespace drydock::testing
