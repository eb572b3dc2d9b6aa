#include "server/session_lookup.hpp"

#include "server/handover_pause.hpp"
#include "base/log.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

namespace drydock::server {
namespace {

// A copy of the session says it: the one that takes part is made when the device is this machine's.
bool opens(const transport::PersistedSession& kept, Bytes datagram) {
  if (!datagram.empty() && datagram[0] == transport::dtls::resumed_with_device_id)
    datagram[0] = static_cast<std::uint8_t>(transport::dtls::ContentType::application_data);
  transport::dtls::Session session(kept.state);
  ByteView rest(datagram);
  const auto record = transport::dtls::take_record(rest);
  return record && session.receive(*record).has_value();
}

}  // namespace

void SessionLookup::on_unknown(
    const transport::SessionKey& key, ByteView datagram, const transport::UdpEndpoint& from) {
  if (stopping_ || delivering_) return;
  if (const auto known = waiting_.find(key); known != waiting_.end()) {
    if (known->second.size() < limits::datagrams_of_session_lookup)
      known->second.push_back({Bytes(datagram.begin(), datagram.end()), from});
    return;
  }
  auto& budget = services_.is_known_address(transport::to_text(from)) ? of_known_addresses_ : of_others_;
  if (waiting_.size() >= limits::session_lookups || !budget.take(Clock::now())) return;
  waiting_[key].push_back({Bytes(datagram.begin(), datagram.end()), from});
  asio::co_spawn(services_.loop, look_up(key), asio::detached);
}

asio::awaitable<void> SessionLookup::look_up(transport::SessionKey key) {
  const auto device = co_await device_of(key);
  const bool taken = device && co_await take_up(*device, store::Want::note);
  const auto waiting = waiting_.extract(key);
  if (!taken || waiting.empty()) co_return;
  delivering_ = true;
  for (const auto& datagram : waiting.mapped()) services_.demultiplexer.on_datagram(datagram.bytes, datagram.from);
  delivering_ = false;
  // Nothing but a sign of life: the session stays in no memory without anybody who has the device.
  const auto channel = services_.demultiplexer.find(*device);
  if (!channel || channel->attached()) co_return;
  channel->let_go();
  services_.release(*device);
}

asio::awaitable<std::optional<transport::DeviceId>> SessionLookup::device_of(transport::SessionKey key) {
  const auto found = co_await services_.sessions.find(key);
  const auto waiting = waiting_.find(key);
  if (!found || waiting == waiting_.end()) co_return std::nullopt;
  for (const auto& session : *found)
    for (const auto& datagram : waiting->second)
      if (opens(session, datagram.bytes)) co_return session.device;
  co_return std::nullopt;
}

asio::awaitable<bool> SessionLookup::take_up(transport::DeviceId device, store::Want want) {
  HandoverPause pause(services_.loop);
  for (;;) {
    if (services_.demultiplexer.find(device)) co_return true;  // by another of its datagrams
    auto taken = co_await services_.sessions.take_up(device.text(), want);
    if (!taken || stopping_) co_return false;
    if (taken->session && !services_.demultiplexer.find(device)) services_.demultiplexer.restore(*taken->session);
    if (!taken->held_elsewhere || want == store::Want::no) co_return services_.demultiplexer.find(device) != nullptr;
    const bool in_time = co_await pause.next();
    if (!in_time) co_return false;
  }
}

asio::awaitable<void> SessionLookup::call_unfinished() {
  const auto devices = co_await services_.sessions.unfinished();
  if (!devices) co_return;
  for (const auto& text : *devices) {
    const auto device = transport::DeviceId::parse(text);
    if (!device || stopping_) continue;
    const bool taken = co_await take_up(*device, store::Want::no);
    if (!taken) continue;
    if (auto channel = services_.demultiplexer.find(*device); channel && !channel->attached())
      services_.call(std::move(channel));
  }
}

}  // namespace drydock::server
