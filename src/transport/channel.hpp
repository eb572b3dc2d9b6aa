// A connection as the layers above see it: CoAP messages in and out, each authenticated or at least encrypted by the
// transport below.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "coap/message.hpp"

#include <asio/awaitable.hpp>

namespace drydock::transport {

/// What follows a message that is sent.
enum class Flush { now, later };

class Channel {
public:
  virtual ~Channel() = default;

  /// The next message. ErrorKind::timed_out when none has come by `deadline`, ErrorKind::interrupted after interrupt(),
  /// ErrorKind::session_restarted when the device has resumed its session (UDP): its next message is the first after a
  /// reset or a sleep; ErrorKind::closed when the peer is gone, ErrorKind::malformed or ErrorKind::too_large when it
  /// sends nonsense. After the first three the channel is as good as before; after the others it is finished.
  virtual asio::awaitable<Result<coap::Message>> receive(Clock::time_point deadline) = 0;

  /// Hands the message to the transport; ErrorKind::closed or ErrorKind::timed_out (the peer takes nothing) when it
  /// cannot. With Flush::later it may be held back to fill a larger write, until the next send without it or the next
  /// receive().
  virtual asio::awaitable<Result<void>> send(const coap::Message& message, Flush flush = Flush::now) = 0;

  /// The current receive(), or else the next one, returns ErrorKind::interrupted.
  virtual void interrupt() = 0;

  /// Whatever is pending ends with ErrorKind::closed.
  virtual void close() = 0;

  /// Nothing is expected soon: what can be made again is given back.
  virtual void rest() {}

  /// Over UDP: from now on the session is written down, and outlives this program.
  virtual void persist_session() {}

  /// Over UDP: what another machine needs to go on with the session is written down now.
  virtual void save_position() {}

  /// TCP: nothing is lost or reordered, so nobody retransmits.
  virtual bool reliable() const = 0;

  /// Bytes sent that the peer's network side has not acknowledged.
  virtual std::size_t unacknowledged() const = 0;

  /// Over UDP: confirmable messages that the device has not acknowledged.
  virtual std::size_t unacknowledged_messages() const { return 0; }

  virtual std::string peer() const = 0;
};

}  // namespace drydock::transport
