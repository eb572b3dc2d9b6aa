// A byte stream over a TCP socket, tuned for devices that send small messages and wait.
#pragma once

#include "transport/byte_stream.hpp"

#include <asio/ip/tcp.hpp>

namespace drydock::transport {

class TcpStream final : public ByteStream {
public:
  /// `from`: who is at the other end.
  TcpStream(asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& from);
  explicit TcpStream(asio::ip::tcp::socket socket);
  asio::awaitable<asio::error_code> wait_readable() override;
  ReadResult read_now(std::span<std::uint8_t> into) override;
  asio::awaitable<asio::error_code> write_all(ByteView bytes) override;
  void cancel() override;
  void close() override;
  std::size_t unacknowledged() const override;
  std::string peer() const override { return peer_; }

private:
  mutable asio::ip::tcp::socket socket_;
  std::string peer_;
};

}  // namespace drydock::transport
