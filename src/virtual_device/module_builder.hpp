// Makes small, well-formed firmware modules for tests and the demo (PROTOCOL §6): real structure, meaningless code.
#pragma once

#include "base/bytes.hpp"

#include <optional>

namespace drydock::virtual_device {

/// Numbers as in the file format: function 2 bootloader, 4 system part, 5 user part.
struct ModuleSpec {
  std::uint8_t function = 4;
  std::uint8_t index = 1;
  std::uint16_t version = 1;
  std::uint16_t platform = 6;
  struct Needs {
    std::uint8_t function = 0;
    std::uint8_t index = 0;
    std::uint16_t version = 0;
  };
  Needs needs1{};
  Needs needs2{};
  std::size_t size = 4096;  ///< of the whole file
  std::uint8_t flags = 0;
  std::optional<std::uint32_t> start = {};  ///< nothing: the Photon's slot for this module
  std::uint8_t fill_byte = 0;               ///< so that files of one version can differ
};

/// With a vector table in front where real modules of this function have one.
Bytes make_module(const ModuleSpec& recipe);

/// Hash and CRC anew, over what is there now.
void update_checksums(Bytes& file);

/// The same module as it travels compressed (PROTOCOL §6.5).
Bytes compress(ByteView module);

/// Two modules in one file (PROTOCOL §6.6).
Bytes combine(ByteView first, ByteView second);

}  // namespace drydock::virtual_device
