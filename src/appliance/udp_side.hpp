// Everything that makes the appliance reachable for UDP devices: their sessions, the hub, the socket.
#pragma once

#include "appliance/appliance.hpp"
#include "appliance/session_keeping.hpp"
#include "transport/udp_hub.hpp"
#include "transport/udp_socket.hpp"

namespace drydock::appliance {

class UdpSide {
public:
  /// Everything must outlive it.
  struct Services {
    asio::io_context& loop;
    store::Writer& writer;
    const crypto::EcPrivateKey& server_key;
    crypto::Random& random;
    crypto::Workshop workshop;
    Appliance& appliance;
  };
  explicit UdpSide(Services services);

  /// Takes up the sessions of an earlier run, and calls the devices whose update it left unfinished: a device that waits
  /// for chunks is silent for minutes. After the appliance has started.
  asio::awaitable<Result<void>> start();

  /// Throws std::system_error when the port is taken or may not be used.
  void listen(const transport::UdpEndpoint& at);
  /// Instead of a socket: where datagrams go.
  void send_by(std::function<void(ByteView, const transport::UdpEndpoint&)> send) { send_ = std::move(send); }

  /// Receives nothing new; datagrams of those that are connected still come and go until close().
  void stop() { hub_.stop(); }
  void close();

  transport::UdpHub& hub() { return hub_; }
  std::uint16_t port() const { return socket_->port(); }

private:
  Services services_;
  SessionKeeping keeping_;
  transport::UdpHub hub_;
  std::function<void(ByteView, const transport::UdpEndpoint&)> send_ = [](ByteView, const transport::UdpEndpoint&) {};
  std::unique_ptr<transport::UdpSocket> socket_;
};

}  // namespace drydock::appliance
