// Where DTLS sessions are written down, so that a restarted appliance goes on with the very next datagram.
#pragma once

#include "transport/dtls_session.hpp"
#include "transport/device_id.hpp"

#include <asio/awaitable.hpp>
#include <string>

namespace drydock::transport {

struct KeptSession {
  dtls::ConnectionId id{};       ///< its name; on the wire only for devices that know connection ids
  DeviceId device;
  dtls::SessionState state;
  std::uint64_t leased = 0;      ///< sequence numbers below it may have been used; a restarted appliance goes on from here
  std::string address;           ///< where the device was last, as text
  std::uint16_t port = 0;
  Bytes memo;
};

class SessionKeeper {
public:
  virtual ~SessionKeeper() = default;

  /// Durable when it returns. Replaces an older session of the same device. Kind::storage.
  virtual asio::awaitable<Result<void>> keep(KeptSession session) = 0;
  /// Soon enough.
  virtual void keep_soon(KeptSession session) = 0;
  virtual void forget(const dtls::ConnectionId& id) = 0;
};

}  // namespace drydock::transport
