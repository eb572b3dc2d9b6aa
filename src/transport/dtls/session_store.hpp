// Where DTLS sessions are written down, so that a restarted server goes on with the very next datagram.
#pragma once

#include "transport/dtls/session.hpp"
#include "transport/device_id.hpp"

#include <asio/awaitable.hpp>
#include <compare>
#include <optional>
#include <string>

namespace drydock::transport {

struct PersistedSession {
  dtls::ConnectionId id{};  ///< its name; on the wire only for devices that know connection ids
  DeviceId device;
  dtls::SessionState state;
  std::uint64_t reserved = 0;  ///< sequence numbers below it may have been used; a restarted server goes on from here
  std::string address;         ///< where the device was last, as text
  std::uint16_t port = 0;
  Bytes hello_payload;
};

/// By which a datagram says whose session it is: the session's name, the device, or where it came from, for those that
/// send neither.
struct SessionKey {
  std::optional<dtls::ConnectionId> id;
  std::optional<DeviceId> device;
  std::string address;
  std::uint16_t port = 0;
  auto operator<=>(const SessionKey&) const = default;
};

class SessionStore {
public:
  virtual ~SessionStore() = default;

  /// Durable when it returns. Replaces an older session of the same device. ErrorKind::storage.
  virtual asio::awaitable<Result<void>> save(PersistedSession session) = 0;
  /// Soon enough.
  virtual void save_soon(PersistedSession session) = 0;
  virtual void forget(const dtls::ConnectionId& id) = 0;
};

}  // namespace drydock::transport
