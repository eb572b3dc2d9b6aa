// A channel whose security context outlives the connection, and the server: the device goes on with it after a reset
// without any handshake (PROTOCOL §3.6).
#pragma once

#include "transport/channel.hpp"
#include "transport/device_id.hpp"

namespace drydock::transport {

class ResumableChannel : public Channel {
public:
  /// Somebody waits for its messages from now on, until detach(). Messages that came before are kept, within limits.
  virtual void attach() = 0;
  virtual void detach() = 0;

  /// SubjectPublicKeyInfo of the device, proved in the handshake.
  virtual const Bytes& public_key() const = 0;

  /// Whom this context belongs to, once somebody has said so by bind(), and what was to be kept with it.
  struct SessionBinding {
    DeviceId device;
    Bytes hello_payload;
    bool persistent = true;  ///< written down; else it ends with this program
  };
  virtual const std::optional<SessionBinding>& binding() const = 0;

  /// Keeps the context for this device from now on, durably where the binding says so; an older one of the same device
  /// is forgotten. ErrorKind::storage.
  virtual asio::awaitable<Result<void>> bind(SessionBinding binding) = 0;

  /// Nobody is attached, and another machine may go on with the context: it is dropped from memory here.
  virtual void let_go() = 0;

  /// The context is not to be used again. Silent: the device finds out when nobody answers.
  virtual void forget() = 0;
};

}  // namespace drydock::transport
