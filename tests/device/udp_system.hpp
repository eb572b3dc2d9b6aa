/// A system under test with UDP devices: Borons, and the modules that bring them up to date.
#pragma once

#include "support/test_system.hpp"

namespace drydock::testing {

inline constexpr std::uint16_t boron = 13;

struct UdpSystem : TestSystem {
  /// A Boron of Device OS 1.1.0's bootloader and 3.1.3, whose application wants 6.2.0.
  const std::vector<Bytes> stuck{
      module_for(boron, 2, 0, 1100), module_for(boron, 4, 1, 3103), module_for(boron, 5, 2, 6, {4, 1, 6200})};
  void add_version_6200(std::size_t size = 60'000) {
    add_firmware(module_for(boron, 4, 1, 6200, {2, 0, 3100}, size), "system-part1.bin");
    add_firmware(module_for(boron, 2, 0, 3100), "bootloader.bin");
  }
};

}  // namespace drydock::testing
