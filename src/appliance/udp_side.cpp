#include "appliance/udp_side.hpp"

namespace drydock::appliance {

UdpSide::UdpSide(Services services)
    : services_(services),
      keeping_(services_.writer),
      hub_(transport::UdpHub::Services{
          services_.loop.get_executor(), services_.server_key, services_.random, services_.workshop, keeping_,
          [this](ByteView datagram, const transport::UdpEndpoint& to) { send_(datagram, to); },
          [this](std::shared_ptr<transport::DtlsChannel> channel) { services_.appliance.serve(std::move(channel)); },
          [this](const Error& why, const std::string& peer) { services_.appliance.handshake_failed(why, peer); },
          services_.appliance.handshakes(), [this](const std::string& peer) { return services_.appliance.knows_address(peer); }}) {}

asio::awaitable<Result<void>> UdpSide::start() {
  const auto kept = co_await keeping_.take_up();
  if (!kept) co_return tl::unexpected(kept.error());
  for (const auto& session : *kept) {
    hub_.restore(session);
    services_.appliance.note_session(session.device);
  }
  for (const auto& [id, member] : services_.appliance.fleet())
    if (member.update_unfinished)
      if (auto channel = hub_.find(id)) services_.appliance.call(std::move(channel));
  co_return Result<void>{};
}

void UdpSide::listen(const transport::UdpEndpoint& at) {
  transport::UdpSocket::Receive receive = [this](ByteView datagram, const transport::UdpEndpoint& from) { hub_.on_datagram(datagram, from); };
  socket_ = std::make_unique<transport::UdpSocket>(services_.loop, at, std::move(receive));
  send_ = [this](ByteView datagram, const transport::UdpEndpoint& to) { socket_->send(datagram, to); };
  socket_->start();
}

void UdpSide::close() {
  hub_.keep_positions();
  if (socket_) socket_->stop();
}

}  // namespace drydock::appliance
