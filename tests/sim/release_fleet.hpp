// Devices and libraries of the field: any platform, any release, and the modules of all releases that it could get.
#pragma once

#include "firmware/files.hpp"
#include "firmware/library.hpp"
#include "support/device_os.hpp"
#include "virtual_device/virtual_device.hpp"

#include <memory>
#include <random>

namespace drydock::sim {

namespace device_os = testing::device_os;

/// The modules of every release, written once for all histories.
class ReleaseFleet {
public:
  static const ReleaseFleet& shared();

  std::uint16_t any_platform(std::mt19937& dice) const;
  /// All modules of all releases of the platform, or a part of them.
  std::vector<firmware::LibraryModule> any_library(std::uint16_t platform, std::mt19937& dice) const;
  const firmware::ModuleFiles& files() const { return *files_; }

  struct Device {
    virtual_device::Flash flash;
    const device_os::Release* release = nullptr;
  };
  /// Of any release, whose application may be built for any other.
  static Device any_device(std::uint16_t platform, std::mt19937& dice);
  /// A release whose system parts a person may ask for.
  std::vector<firmware::LibraryModule> any_target(std::uint16_t platform, std::mt19937& dice) const;

  /// How a device speaks while it has this in its flash memory.
  static virtual_device::Release spoken_by(std::uint16_t platform, const virtual_device::Flash& flash);
  /// Empty while the device starts and can be reached.
  static std::string why_dead(std::uint16_t platform, const virtual_device::Flash& flash);

private:
  ReleaseFleet();

  std::map<std::uint16_t, std::vector<firmware::LibraryModule>> modules_;
  std::unique_ptr<firmware::ModuleFiles> files_;
};

}  // namespace drydock::sim
