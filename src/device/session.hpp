// One device connection, from its first byte to its last.
#pragma once

#include "device/session_host.hpp"
#include "transport/byte_stream.hpp"
#include "transport/resumable_channel.hpp"

namespace drydock::device {

/// Serves one TCP device until the connection ends. `stream` and `host` must outlive it. Nothing a device sends makes
/// it throw; what happened is told to the host.
asio::awaitable<void> serve(transport::ByteStream& stream, SessionHost& host);

/// Serves one UDP device, from its first message in this session, or the first after a pause, until it leaves or resets
/// without coming back. A device that may not come in has its session forgotten.
asio::awaitable<void> serve(transport::ResumableChannel& channel, SessionHost& host);

/// Over TCP, from Hello on, over a channel whose transport has established who is there. An error means that the device
/// never came that far.
asio::awaitable<Result<void>> run_session(
    transport::Channel& channel, transport::DeviceIdentity identity, SessionHost& host);

}  // namespace drydock::device
