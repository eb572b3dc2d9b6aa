#include "transport/udp_hub.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"

#include <algorithm>

namespace drydock::transport {
namespace {

// Behind a record whose first byte is 254: the device id and 0x0c (PROTOCOL §3.5).
constexpr std::size_t device_id_tail = 13;
constexpr std::uint8_t device_id_length = 12;

std::optional<DeviceId> device_in_tail(ByteView datagram) {
  if (datagram.size() < dtls::record_header_size + device_id_tail || datagram.back() != device_id_length) return std::nullopt;
  DeviceId id;
  const auto tail = datagram.last(device_id_tail);
  std::copy_n(tail.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

}  // namespace

UdpHub::UdpHub(Services services)
    : services_(std::move(services)),
      reception_(DtlsReception::Services{
          services_.executor, services_.key, services_.random, services_.workshop, services_.send,
          [this](const dtls::ConnectionId& id, std::unique_ptr<dtls::ServerHandshake> handshake, const UdpEndpoint& from) {
            auto channel = std::make_shared<DtlsChannel>(*this, services_.executor, id, std::move(handshake), from);
            add(channel);
            services_.arrived(channel);   // it says Hello next
          },
          [this](const Error& why, const UdpEndpoint& from) { services_.turned_away(why, to_text(from)); }}) {}

UdpHub::~UdpHub() = default;

void UdpHub::stop() {
  stopped_ = true;
  reception_.stop();
}

void UdpHub::add(std::shared_ptr<DtlsChannel> channel) {
  if (channels_.size() >= limits::dtls_sessions) {
    // Somebody whom no device stands behind makes room, if there is one.
    const auto idle = std::find_if(channels_.begin(), channels_.end(), [](const auto& entry) { return !entry.second->attended() && !entry.second->bond(); });
    if (idle == channels_.end()) return log::warning("no more DTLS sessions: there are {} already", channels_.size());
    gone(*std::shared_ptr<DtlsChannel>(idle->second));
  }
  by_address_[channel->address()] = channel.get();
  channels_[channel->id()] = std::move(channel);
}

void UdpHub::restore(const KeptSession& kept) {
  asio::error_code no_address;
  const auto address = asio::ip::make_address(kept.address, no_address);
  const UdpEndpoint at(no_address ? asio::ip::address() : address, kept.port);
  auto channel = std::make_shared<DtlsChannel>(*this, services_.executor, kept, at);
  by_device_[kept.device] = channel.get();
  add(std::move(channel));
}

std::shared_ptr<DtlsChannel> UdpHub::find(const DeviceId& device) const {
  const auto found = by_device_.find(device);
  return found == by_device_.end() ? nullptr : found->second->shared_from_this();
}

void UdpHub::on_datagram(ByteView datagram, const UdpEndpoint& from) {
  if (datagram.size() <= 1) return;
  if (datagram[0] == dtls::moved_with_device_id) {
    const auto device = device_in_tail(datagram);
    const auto channel = device ? find(*device) : nullptr;
    if (!channel) return;
    Bytes restored(datagram.begin(), datagram.end() - device_id_tail);
    restored[0] = static_cast<std::uint8_t>(dtls::ContentType::application_data);
    return channel->on_datagram(restored, from, true);
  }
  if (!stopped_ && datagram[0] == static_cast<std::uint8_t>(dtls::ContentType::handshake) && reception_.on_datagram(datagram, from)) return;
  if (const auto channel = recipient(datagram, from)) return channel->on_datagram(datagram, from);
  // Finished may come in a datagram of its own, and an alert while there is a handshake.
  if (!stopped_) (void)reception_.on_datagram(datagram, from);
}

std::shared_ptr<DtlsChannel> UdpHub::recipient(ByteView datagram, const UdpEndpoint& from) const {
  const auto record = dtls::take_record(datagram);
  if (!record) return nullptr;
  if (record->connection_id) {
    const auto found = channels_.find(*record->connection_id);
    return found == channels_.end() ? nullptr : found->second;
  }
  const auto found = by_address_.find(from);
  return found == by_address_.end() ? nullptr : found->second->shared_from_this();
}

void UdpHub::moved(DtlsChannel& channel, const UdpEndpoint& before) {
  const auto old = by_address_.find(before);
  if (old != by_address_.end() && old->second == &channel) by_address_.erase(old);
  by_address_[channel.address()] = &channel;
}

void UdpHub::bound(const std::shared_ptr<DtlsChannel>& channel) {
  auto& current = by_device_[channel->bond()->device];
  if (current != nullptr && current != channel.get()) {
    const auto older = current->shared_from_this();
    current = nullptr;
    older->forget();
  }
  by_device_[channel->bond()->device] = channel.get();
}

void UdpHub::gone(DtlsChannel& channel) {
  const auto kept_alive = channel.shared_from_this();
  const auto at = by_address_.find(channel.address());
  if (at != by_address_.end() && at->second == &channel) by_address_.erase(at);
  if (channel.bond()) {
    const auto of = by_device_.find(channel.bond()->device);
    if (of != by_device_.end() && of->second == &channel) by_device_.erase(of);
  }
  channels_.erase(channel.id());
}

}  // namespace drydock::transport
