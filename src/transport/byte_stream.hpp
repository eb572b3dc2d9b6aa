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

  /// At least one byte, or an error. One reader at a time.
  virtual asio::awaitable<ReadResult> read_some(std::span<std::uint8_t> into) = 0;

  /// All bytes handed to the network, or an error. One writer at a time. `bytes` must stay until it completes.
  virtual asio::awaitable<asio::error_code> write_all(ByteView bytes) = 0;

  /// A pending read or write completes with operation_aborted; a read loses nothing by it.
  virtual void cancel() = 0;

  /// Ends the connection both ways. Pending operations complete with an error.
  virtual void close() = 0;

  /// Bytes written that the peer's side of the network has not acknowledged yet; 0 when unknown.
  virtual std::size_t unacknowledged() const { return 0; }

  /// "192.168.1.23:51344", for people.
  virtual std::string peer() const = 0;
};

}  // namespace drydock::transport
