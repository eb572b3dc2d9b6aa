#include "transport/dtls/demultiplexer.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"

#include <algorithm>

namespace drydock::transport {
namespace {

// Behind a record whose first byte is 254: the device id and 0x0c (PROTOCOL §3.5).
constexpr std::size_t device_id_tail = 13;
constexpr std::uint8_t device_id_length = 12;

std::optional<DeviceId> device_in_tail(ByteView datagram) {
  if (datagram.size() < dtls::record_header_size + device_id_tail || datagram.back() != device_id_length)
    return std::nullopt;
  DeviceId id;
  const auto tail = datagram.last(device_id_tail);
  std::copy_n(tail.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

}  // namespace

DtlsDemultiplexer::DtlsDemultiplexer(Services services)
    : services_(std::move(services)),
      acceptor_(
          DtlsAcceptor::Services{services_.executor, services_.key, services_.random, services_.workers, services_.send,
              [this](const dtls::ConnectionId& id, std::unique_ptr<dtls::ServerHandshake> handshake,
                  const UdpEndpoint& from) {
                auto channel = std::make_shared<DtlsChannel>(*this, services_.executor, id, std::move(handshake), from);
                if (add(channel)) services_.arrived(channel);  // it says Hello next
              },
              [this](const Error& why, const UdpEndpoint& from) { services_.connection_rejected(why, to_text(from)); },
              services_.handshakes, services_.is_known_address}) {}

DtlsDemultiplexer::~DtlsDemultiplexer() = default;

void DtlsDemultiplexer::stop() {
  stopped_ = true;
  acceptor_.stop();
}

void DtlsDemultiplexer::save_positions() {
  for (const auto& [id, channel] : channels_) channel->save_position();
}

bool DtlsDemultiplexer::add(const std::shared_ptr<DtlsChannel>& channel) {
  if (channels_.size() >= services_.most_sessions && !evict_session()) {
    log::warning("no more DTLS sessions: there are {} already", channels_.size());
    return false;
  }
  if (!channel->has_connection_id()) by_address_.emplace(channel->address(), channel.get());
  channels_[channel->id()] = channel;
  return true;
}

// Of somebody who never said which device it is, or else of one that is not here: it makes a new one when it comes.
bool DtlsDemultiplexer::evict_session() {
  auto of_nobody =
      std::find_if(channels_.begin(), channels_.end(), [](const auto& entry) { return !entry.second->binding(); });
  if (of_nobody == channels_.end())
    of_nobody =
        std::find_if(channels_.begin(), channels_.end(), [](const auto& entry) { return !entry.second->attached(); });
  if (of_nobody == channels_.end()) return false;
  std::shared_ptr<DtlsChannel>(of_nobody->second)->forget();
  return true;
}

void DtlsDemultiplexer::restore(const PersistedSession& kept) {
  asio::error_code no_address;
  const auto address = asio::ip::make_address(kept.address, no_address);
  const UdpEndpoint at(no_address ? asio::ip::address() : address, kept.port);
  auto channel = std::make_shared<DtlsChannel>(*this, services_.executor, kept, at);
  if (add(channel)) by_device_[kept.device] = channel.get();
}

std::shared_ptr<DtlsChannel> DtlsDemultiplexer::find(const DeviceId& device) const {
  const auto found = by_device_.find(device);
  return found == by_device_.end() ? nullptr : found->second->shared_from_this();
}

void DtlsDemultiplexer::on_datagram(ByteView datagram, const UdpEndpoint& from) {
  if (datagram.size() <= 1) return;
  if (datagram[0] == dtls::resumed_with_device_id) {
    const auto device = device_in_tail(datagram);
    const auto channel = device ? find(*device) : nullptr;
    if (!channel && device && services_.unknown) services_.unknown({{}, device, "", 0}, datagram, from);
    if (!channel) return;
    Bytes restored(datagram.begin(), datagram.end() - device_id_tail);
    restored[0] = static_cast<std::uint8_t>(dtls::ContentType::application_data);
    (void)channel->on_datagram(restored, from, true);
    return;
  }
  if (!stopped_ && datagram[0] == static_cast<std::uint8_t>(dtls::ContentType::handshake) &&
      acceptor_.on_datagram(datagram, from))
    return;
  for (const auto& channel : recipients(datagram, from))
    if (channel->on_datagram(datagram, from)) return;
  // Finished may come in a datagram of its own, and an alert while there is a handshake.
  if (stopped_ || acceptor_.on_datagram(datagram, from) || !services_.unknown) return;
  auto rest = datagram;
  const auto record = dtls::take_record(rest);
  if (!record || record->epoch() != 1 || record->type == dtls::ContentType::handshake) return;
  if (record->connection_id) {
    if (!channels_.contains(*record->connection_id))
      services_.unknown({record->connection_id, {}, "", 0}, datagram, from);
  } else {
    services_.unknown({{}, {}, from.address().to_string(), from.port()}, datagram, from);
  }
}

std::vector<std::shared_ptr<DtlsChannel>> DtlsDemultiplexer::recipients(
    ByteView datagram, const UdpEndpoint& from) const {
  constexpr std::size_t most_tries = 8;
  std::vector<std::shared_ptr<DtlsChannel>> list;
  const auto record = dtls::take_record(datagram);
  if (record && record->connection_id) {
    const auto found = channels_.find(*record->connection_id);
    if (found != channels_.end()) list.push_back(found->second);
  } else if (record) {
    const auto [begin, end] = by_address_.equal_range(from);
    for (auto at = end; at != begin && list.size() < most_tries;)
      list.push_back((--at)->second->shared_from_this());  // the latest first
  }
  return list;
}

void DtlsDemultiplexer::on_moved(DtlsChannel& channel, const UdpEndpoint& before) {
  if (channel.has_connection_id()) return;
  remove_address(channel, before);
  by_address_.emplace(channel.address(), &channel);
}

void DtlsDemultiplexer::remove_address(const DtlsChannel& channel, const UdpEndpoint& address) {
  const auto [begin, end] = by_address_.equal_range(address);
  const auto at = std::find_if(begin, end, [&](const auto& entry) { return entry.second == &channel; });
  if (at != end) by_address_.erase(at);
}

void DtlsDemultiplexer::on_bound(const std::shared_ptr<DtlsChannel>& channel) {
  auto& current = by_device_[channel->binding()->device];
  if (current != nullptr && current != channel.get()) {
    const auto older = current->shared_from_this();
    current = nullptr;
    older->forget();
  }
  by_device_[channel->binding()->device] = channel.get();
}

void DtlsDemultiplexer::on_discarded(DtlsChannel& channel) {
  const auto kept_alive = channel.shared_from_this();
  remove_address(channel, channel.address());
  if (channel.binding()) {
    const auto of = by_device_.find(channel.binding()->device);
    if (of != by_device_.end() && of->second == &channel) by_device_.erase(of);
  }
  channels_.erase(channel.id());
}

}  // namespace drydock::transport
