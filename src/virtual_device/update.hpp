// The image a virtual device is receiving (PROTOCOL §5.2, §5.3).
#pragma once

#include "virtual_device/virtual_device.hpp"

namespace drydock::virtual_device {

struct VirtualDevice::Update {
  std::size_t chunk_size = 512;
  std::size_t file_size = 0;
  bool fast = false;
  std::size_t next = 0;  ///< in normal OTA: the chunk expected
  std::vector<bool> have;
  Bytes image;
  std::optional<std::size_t> highest_asked;  ///< of the last ChunkMissed
  Clock::time_point began = Clock::now();
  std::size_t count() const { return (file_size + chunk_size - 1) / chunk_size; }
  std::vector<std::uint16_t> missing(std::size_t at_most) const {
    std::vector<std::uint16_t> list;
    for (std::size_t i = 0; i < have.size() && list.size() < at_most; ++i)
      if (!have[i]) list.push_back(static_cast<std::uint16_t>(i));
    return list;
  }
};

}  // namespace drydock::virtual_device
