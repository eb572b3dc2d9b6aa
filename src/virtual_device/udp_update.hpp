// The image a virtual UDP device is receiving (PROTOCOL §5.2, §5.5).
#pragma once

#include "virtual_device/udp_device.hpp"

namespace drydock::virtual_device {

struct UdpDevice::Update {
  Bytes sha256;  // empty: not resumable, or chunked
  std::size_t size = 0;
  std::size_t offset = 0;  // where chunk 1 begins
  std::size_t chunk_size = 0;
  bool legacy = false;
  Bytes image;
  std::vector<bool> have;
  std::size_t in_order = 0;
  std::size_t unacknowledged = 0;
  std::size_t since_done = 0;  // legacy: chunks since the last UpdateDone
  Clock::time_point last_chunk{};
  Clock::time_point saved_at{};
  Clock::time_point began{};
  std::size_t count() const { return (size - offset + chunk_size - 1) / chunk_size; }
  std::size_t bytes_in_order() const { return std::min(size, offset + in_order * chunk_size); }
};

}  // namespace drydock::virtual_device
