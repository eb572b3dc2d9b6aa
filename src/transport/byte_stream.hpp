// What a connection needs from the network: TcpStream in production, a pipe in memory under tests and simulation.
#pragma once

#include "base/bytes.hpp"

#include <asio/awaitable.hpp>
#include <asio/error_code.hpp>
#include <string>

namespace drydock::transport {

struct ReadResult {
  asio::error_code error;
  std::size_t size = 0;
};

class ByteStream {
public:
  virtual ~ByteStream() = default;

  /// Until there is something to read, or an error. One reader at a time. Nobody needs a buffer while waiting.
  virtual asio::awaitable<asio::error_code> wait_readable() = 0;

  /// What is there, at once; asio::error::would_block: nothing.
  virtual ReadResult read_now(std::span<std::uint8_t> into) = 0;

  /// At least one byte, or an error. One reader at a time.
  asio::awaitable<ReadResult> read_some(std::span<std::uint8_t> into);

  /// All bytes handed to the network, or an error. One writer at a time. `bytes` must stay until it completes.
  virtual asio::awaitable<asio::error_code> write_all(ByteView bytes) = 0;

  /// A pending wait or write completes with operation_aborted.
  virtual void cancel() = 0;

  /// Ends the connection both ways. Pending operations complete with an error.
  virtual void close() = 0;

  /// Bytes written that the peer's side of the network has not acknowledged yet; 0 when unknown.
  virtual std::size_t unacknowledged() const { return 0; }

  /// "192.168.1.23:51344", for people.
  virtual std::string peer() const = 0;
};

}  // namespace drydock::transport
