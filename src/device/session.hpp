// One device connection, from its first byte to its last.
#pragma once

#include "device/dock.hpp"
#include "transport/byte_stream.hpp"

namespace drydock::device {

/// Serves one TCP device until the connection ends. `stream` and `dock` must outlive it. Nothing a device sends makes it
/// throw; what happened is told to the dock.
asio::awaitable<void> serve(transport::ByteStream& stream, Dock& dock);

/// The same from Hello on, over a channel whose transport has established who is there. An error means that the device
/// never came to its berth.
asio::awaitable<Result<void>> stay(transport::Channel& channel, const transport::lightssl::Claim& claim, Dock& dock);

}  // namespace drydock::device
