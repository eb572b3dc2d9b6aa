// What a transfer needs from the protocol with a device. Pings, events and time requests that come in between are
// answered there (device/protocol.hpp) and never reach the transfer.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "coap/message.hpp"

#include <asio/awaitable.hpp>

namespace drydock::transfer {

class UpdateChannel {
public:
  virtual ~UpdateChannel() = default;

  /// Message ids of requests; every request takes a new one.
  virtual std::uint16_t next_message_id() = 0;
  /// Tokens have one byte: devices parse at offsets computed for that (PROTOCOL §2.4).
  virtual coap::Token next_token() = 0;

  /// `more_follow`: it may be held back to fill a larger write.
  virtual asio::awaitable<Result<void>> send(const coap::Message& message, bool more_follow) = 0;

  /// The next acknowledgement, reset, response, or request about the update (GET c, PUT u, POST u, POST A). Confirmable
  /// ones are already acknowledged. ErrorKind::timed_out after `deadline`, ErrorKind::session_restarted when the device
  /// started anew; never ErrorKind::interrupted.
  virtual asio::awaitable<Result<coap::Message>> receive_update_message(Clock::time_point deadline) = 0;

  virtual bool reliable() const = 0;
  /// Bytes handed to the network that the device's side has not acknowledged.
  virtual std::size_t unacknowledged() const = 0;
};

}  // namespace drydock::transfer
