// The one UDP socket: datagrams in, to whoever asked for them; datagrams out, lost when the network has no room.
#pragma once

#include "base/bytes.hpp"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <functional>

namespace drydock::transport {

class UdpSocket {
public:
  using Receive = std::function<void(ByteView, const asio::ip::udp::endpoint&)>;

  /// Binds at once; throws std::system_error when the port is taken or may not be used.
  UdpSocket(asio::io_context& loop, asio::ip::udp::endpoint at, Receive receive);

  void start();
  void stop();
  std::uint16_t port() const { return port_; }
  void send(ByteView datagram, const asio::ip::udp::endpoint& to);

private:
  asio::awaitable<void> run();

  asio::io_context& loop_;
  asio::ip::udp::socket socket_;
  Receive receive_;
  std::uint16_t port_ = 0;
};

}  // namespace drydock::transport
