// One device connection, from its first byte to its last.
#pragma once

#include "device/dock.hpp"
#include "transport/byte_stream.hpp"

namespace drydock::device {

/// Serves one TCP device until the connection ends. `stream` and `dock` must outlive it. Nothing a device sends makes it
/// throw; what happened is told to the dock.
asio::awaitable<void> serve(transport::ByteStream& stream, Dock& dock);

}  // namespace drydock::device
