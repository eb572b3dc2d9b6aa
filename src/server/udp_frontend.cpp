#include "server/udp_frontend.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

namespace drydock::server {

UdpFrontend::UdpFrontend(Services services)
    : services_(services),
      session_store_(services_.writer, services_.server.node()),
      demultiplexer_(transport::DtlsDemultiplexer::Services{services_.loop.get_executor(), services_.server_key,
          services_.random, services_.workers, session_store_,
          [this](ByteView datagram, const transport::UdpEndpoint& to) { send_(datagram, to); },
          [this](std::shared_ptr<transport::DtlsChannel> channel) { services_.server.serve(std::move(channel)); },
          [this](const Error& why, const std::string& peer) { services_.server.handshake_failed(why, peer); },
          services_.server.handshakes(),
          [this](const std::string& peer) { return services_.server.is_known_address(peer); }, services_.most_sessions,
          services_.may_send, unknown_sessions()}),
      lookup_({services_.loop, session_store_, demultiplexer_,
          [this](const std::string& peer) { return services_.server.is_known_address(peer); },
          [this](std::shared_ptr<transport::DtlsChannel> channel) { services_.server.call(std::move(channel)); },
          [this](const transport::DeviceId& device) { services_.server.release_unused(device); }}) {
  services_.server.on_wanted([this](const transport::DeviceId& device) { return let_go(device); });
}

bool UdpFrontend::let_go(const transport::DeviceId& device) {
  const auto channel = demultiplexer_.find(device);
  if (!channel) return false;
  if (channel->attached())
    channel->close();  // what ends then lets go of it
  else
    channel->let_go();
  return channel->attached();
}

std::function<void(const transport::SessionKey&, ByteView, const transport::UdpEndpoint&)> UdpFrontend::
    unknown_sessions() {
  if (services_.server.node() == 0) return {};
  return [this](const transport::SessionKey& key, ByteView datagram, const transport::UdpEndpoint& from) {
    lookup_.on_unknown(key, datagram, from);
  };
}

void UdpFrontend::stop() {
  demultiplexer_.stop();
  lookup_.stop();
}

void UdpFrontend::call_unfinished() {
  asio::co_spawn(services_.loop, lookup_.call_unfinished(), asio::detached);
}

asio::awaitable<Result<void>> UdpFrontend::start() {
  if (services_.server.node() != 0) {
    call_unfinished();
    co_return Result<void>{};
  }
  const auto kept = co_await session_store_.load_and_reserve();
  if (!kept) co_return tl::unexpected(kept.error());
  for (const auto& session : *kept) demultiplexer_.restore(session);
  for (const auto& id : services_.server.take_unfinished())
    if (auto channel = demultiplexer_.find(id)) services_.server.call(std::move(channel));
  co_return Result<void>{};
}

void UdpFrontend::listen(const transport::UdpEndpoint& at) {
  transport::UdpSocket::Receive receive = [this](ByteView datagram, const transport::UdpEndpoint& from) {
    demultiplexer_.on_datagram(datagram, from);
  };
  socket_ = std::make_unique<transport::UdpSocket>(services_.loop, at, std::move(receive));
  send_ = [this](ByteView datagram, const transport::UdpEndpoint& to) { socket_->send(datagram, to); };
  socket_->start();
}

void UdpFrontend::close() {
  demultiplexer_.save_positions();
  if (socket_) socket_->stop();
}

}  // namespace drydock::server
