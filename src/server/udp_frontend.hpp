// Everything that makes the server reachable for UDP devices: their sessions, the demultiplexer, the socket.
#pragma once

#include "base/limits.hpp"
#include "server/device_server.hpp"
#include "server/dtls_session_store.hpp"
#include "server/session_lookup.hpp"
#include "transport/dtls/demultiplexer.hpp"
#include "transport/udp_socket.hpp"

namespace drydock::server {

class UdpFrontend {
public:
  /// Everything must outlive it.
  struct Services {
    asio::io_context& loop;
    store::Writer& writer;
    const crypto::EcPrivateKey& server_key;
    crypto::Random& random;
    crypto::Workers workers;
    DeviceServer& server;
    std::size_t most_sessions = limits::dtls_sessions;
    std::function<bool()> may_send = [] { return true; };  ///< see transport::DtlsChannelOwner
  };
  explicit UdpFrontend(Services services);

  /// Takes up the sessions of an earlier run, and calls the devices whose update it left unfinished: a device that
  /// waits for chunks is silent for minutes. After the server has started. Where machines share a database, sessions
  /// are taken up when their devices speak.
  asio::awaitable<Result<void>> start();

  /// Calls the devices whose update another machine left unfinished.
  void call_unfinished();

  /// Throws std::system_error when the port is taken or may not be used.
  void listen(const transport::UdpEndpoint& at);
  /// Instead of a socket: where datagrams go.
  void set_sender(std::function<void(ByteView, const transport::UdpEndpoint&)> send) { send_ = std::move(send); }

  /// Receives nothing new; datagrams of those that are connected still come and go until close().
  void stop();
  void close();

  transport::DtlsDemultiplexer& demultiplexer() { return demultiplexer_; }
  std::uint16_t port() const { return socket_->port(); }

private:
  /// Drops the session of a device that another machine wants. True: that takes until its connection has ended.
  bool let_go(const transport::DeviceId& device);
  std::function<void(const transport::SessionKey&, ByteView, const transport::UdpEndpoint&)> unknown_sessions();

  Services services_;
  DatabaseSessionStore session_store_;
  transport::DtlsDemultiplexer demultiplexer_;
  SessionLookup lookup_;
  std::function<void(ByteView, const transport::UdpEndpoint&)> send_ = [](ByteView, const transport::UdpEndpoint&) {};
  std::unique_ptr<transport::UdpSocket> socket_;
};

}  // namespace drydock::server
