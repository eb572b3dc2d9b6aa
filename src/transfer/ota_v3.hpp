// Sends one module by OTA protocol v3: the device says where it wants to go on, and which chunks it has (PROTOCOL
// §5.5).
#pragma once

#include "transfer/delivery.hpp"
#include "transfer/update_channel.hpp"

namespace drydock::transfer {

struct OtaV3Options {
  OtaV3Options() = default;
  std::uint16_t chunk_size = 512;               ///< a multiple of 4, from 512 to what the device's messages hold
  std::optional<std::uint8_t> module_function;  ///< said to devices from 5.5 on
};

/// ErrorKind::refused: the device does not want it, with its reason in words. ErrorKind::timed_out: it stalled.
/// ErrorKind::closed: the connection ended in the middle. ErrorKind::session_restarted: the device lost the update and
/// can go on from where it remembers.
asio::awaitable<Result<Delivery>> send_ota_v3(
    UpdateChannel& device, ByteView image, OtaV3Options options, const Progress& progress);

}  // namespace drydock::transfer
