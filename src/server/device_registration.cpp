// How a device comes to be known here: which key its handshake is held with, who joins those that wait for approval,
// and whom a proved key belongs to.
#include "server/admission.hpp"
#include "server/application_json.hpp"
#include "server/device_server.hpp"
#include "server/update_controller.hpp"
#include "server/pending_devices.hpp"
#include "state/server_keys.hpp"
#include "server/handover_pause.hpp"
#include "base/text.hpp"

#include <fmt/core.h>

namespace drydock::server {
asio::awaitable<Result<Bytes>> DeviceServer::admit(const transport::DeviceIdentity& identity) {
  std::optional<store::DeviceRow> row;
  if (const auto* entry = find(identity.id); entry != nullptr) {
    row = entry->row;
  } else {
    auto stored = co_await repository_.load_row(identity.id.text());
    if (!stored) co_return tl::unexpected(stored.error());
    row = std::move(*stored);
  }
  auto admission = evaluate(identity, row ? &*row : nullptr, configuration_.policy);
  if (admission.answer == Admission::Answer::rejected) co_return failure(ErrorKind::conflict, admission.words);
  co_return std::move(admission.key);
}

// It has proved to own this key. Which of several is the right one is for a person to say, who needs it to stay in
// sight.
Error DeviceServer::reject_changed_key(DeviceEntry& entry, const Bytes& key) {
  auto& row = entry.row;
  auto words = fmt::format(
      "came from elsewhere with another key than the one on file, {}. If its keys were renewed on purpose, run "
      "'drydock devices approve {} --new-key {}'",
      state::fingerprint(key), row.id, state::short_fingerprint(key));
  const bool is_new = row.changed_key != key;
  if (is_new && entry.changed_key_budget.take(Clock::now())) {
    row.changed_key = key;
    row.changed_key_seen = utc_milliseconds();
    mark_changed(entry);
    repository_.changed_key(row.id, key);
    record(entry, log::Level::warning, "changed_key", words);
    if (const auto id = transport::DeviceId::parse(row.id); id && row.approval == "approved")
      publish(changed_key_event(*id, state::short_fingerprint(key)));
  }
  return {ErrorKind::closed, std::move(words)};
}

// Room among those that wait for approval, which somebody else may have to give up.
Result<void> DeviceServer::admit_unknown_device(const transport::DeviceIdentity& identity, const std::string& address) {
  const auto id = identity.id.text();
  if (configuration_.policy == state::Policy::closed)
    return failure(ErrorKind::conflict, fmt::format("device {} is unknown", id));
  if (!new_device_budget_.take(address, Clock::now()))
    return failure(ErrorKind::conflict,
        fmt::format("too many new devices come from {}: those that come now are rejected for a while, see "
                    "devices.new_per_minute",
            address));
  if (configuration_.policy == state::Policy::open) return {};
  const auto place = decide_pending(pending_devices(), address, identity.public_key);
  if (!place.refusal.empty())
    return failure(ErrorKind::conflict,
        fmt::format("a new device was rejected: {}. 'drydock devices forget --pending' makes room", place.refusal));
  if (!place.evicted) return {};
  auto& evicted = fleet_.at(*place.evicted);
  if (evicted.channel != nullptr) evicted.channel->close();
  repository_.forget(evicted.row.id);
  erase(*place.evicted);
  return {};
}

// A device that was reset connects anew before its old connection is known to be gone. Two devices with one id do that
// to each other for ever.
void DeviceServer::track_replacement(DeviceEntry& entry) {
  const auto now = Clock::now();
  auto& times = entry.replaced;
  times.push_back(now);
  std::erase_if(times, [&](const auto time) { return time + limits::replacement_window < now; });
  if (times.size() < static_cast<std::size_t>(limits::max_replacements)) return;
  record(entry, log::Level::warning, "replaced",
      fmt::format("connected anew {} times within {} minutes while its connection before was still in use: either it "
                  "is reset over and over, or two devices have this id and key",
          times.size(), std::chrono::duration_cast<std::chrono::minutes>(limits::replacement_window).count()));
  times.clear();
}

void DeviceServer::take_rules(const transport::DeviceId& id, DeviceRepository::Decided decided) {
  auto* entry = find(id);
  if (entry == nullptr) return;
  entry->policy = std::move(decided.policy);
  if (decided.row) entry->row.group = std::move(decided.row->group);
}

asio::awaitable<Result<store::Ownership>> DeviceServer::take_up(const transport::DeviceIdentity& identity) {
  if (services_.node == 0) {
    if (find(identity.id) != nullptr) co_return store::Ownership{};
    auto stored = co_await repository_.load(identity.id.text());
    if (!stored) co_return tl::unexpected(stored.error());
    if (*stored && find(identity.id) == nullptr) insert(identity.id, std::move(**stored));
    co_return store::Ownership{};
  }
  auto claimed = co_await claim(identity);
  if (!claimed) co_return tl::unexpected(claimed.error());
  // Whatever is in memory is as old as its last connection here: others had it since.
  // Of somebody with another key it tells nothing about the device that may be connected here.
  if (claimed->device && (claimed->ownership || find(identity.id) == nullptr))
    insert(identity.id, std::move(*claimed->device));
  if (const auto* forgotten = claimed->device ? nullptr : find(identity.id)) {
    if (forgotten->channel != nullptr) forgotten->channel->close();
    erase(identity.id);
  }
  store::Ownership first{services_.node, 1};  // of a new device
  co_return claimed->ownership.value_or(first);
}

// The machine that has the device lets go when it sees that it is wanted, or is taken for gone by the others.
asio::awaitable<Result<DeviceRepository::Claimed>> DeviceServer::claim(const transport::DeviceIdentity& identity) {
  HandoverPause pause(services_.loop);
  for (;;) {
    auto claimed = co_await repository_.claim(identity.id.text(), identity.public_key, services_.node);
    if (!claimed || !claimed->held_elsewhere) co_return claimed;
    const bool in_time = !stopping_ && co_await pause.next();
    if (!in_time) co_return failure(ErrorKind::closed, "the machine that has this device does not let go of it");
  }
}

asio::awaitable<Result<std::unique_ptr<device::UpdateController>>> DeviceServer::register_connection(
    const transport::DeviceIdentity& identity, device::DeviceProtocol& device, transport::Channel& channel) {
  const auto address = without_port(channel.peer());
  const auto ownership = co_await take_up(identity);
  if (!ownership) co_return tl::unexpected(ownership.error());
  // Again, and with no await before the registration: others may have come between the handshake and this.
  if (auto* known = find(identity.id)) {
    if (known->row.approval == "refused")
      co_return failure(ErrorKind::conflict, fmt::format("device {} was refused by a person", known->row.id));
    if (!same_key(known->row.public_key, identity.public_key)) {
      auto refused = reject_changed_key(*known, identity.public_key);
      co_return tl::unexpected(std::move(refused));
    }
  } else if (const auto enrolled = admit_unknown_device(identity, address); !enrolled) {
    co_return tl::unexpected(enrolled.error());
  }
  auto [found, is_new] = fleet_.try_emplace(identity.id);
  auto& entry = found->second;
  const auto now = utc_milliseconds();
  if (is_new) {
    entry.row.id = identity.id.text();
    entry.row.public_key = identity.public_key;
    entry.row.first_seen = now;
    entry.row.enrolled = uptime_.now();
    entry.row.node = ownership->node;
    entry.row.epoch = ownership->epoch;
    set_approval(entry, configuration_.policy == state::Policy::open ? "approved" : "pending");
    if (entry.row.approval == "pending") entry.row.state = "awaiting_approval";
  }
  if (entry.channel != nullptr) {
    record(entry, log::Level::info, "connected", "a new connection replaces the old one");
    track_replacement(entry);
    entry.channel->close();
  } else {
    ++connected_;
  }
  entry.channel = &channel;
  entry.device = &device;
  if (device.reported().resumed) device.restore_subscriptions(subscriptions_in(entry.row.application));
  note_subscription(identity.id);
  entry.row.reconnections += entry.connection != 0;  // what a restart of this service makes is none
  entry.connection = ++connections_;
  entry.ownership = *ownership;
  entry.transfer.reset();
  entry.session_known = !channel.reliable();
  auto& row = entry.row;
  const auto& hello = device.reported().hello;
  const bool is_another_product = row.platform != hello.platform || row.product_id != hello.product_id;
  row.platform = hello.platform;
  row.product_id = hello.product_id;
  row.product_version = hello.product_version;
  row.system_version = hello.system_version;
  row.hello_flags = hello.flags;
  row.address = address;
  if (row.approval == "approved") known_addresses_.insert(address);
  row.safe_mode = false;
  row.last_seen = now;
  mark_changed(entry);
  if (row.approval == "approved") publish(status_event(identity.id, "online"));
  if (is_new) mark_membership_changed();
  if (is_new && row.approval == "pending" && waiting_event_budget_.take(Clock::now()))
    publish(waiting_event(identity.id, row.address));

  auto controller = std::make_unique<DeviceUpdateController>(*this, identity.id, entry.connection, entry.ownership);
  if (is_new)
    repository_.record(log::Level::notice,
        {row.id, "first_seen",
            fmt::format("a new device ({}) connected from {}", firmware::platform_name(row.platform), row.address)});
  else
    record(entry, log::Level::info, "connected", fmt::format("connected from {}", row.address));
  if (entry.stored) {
    row.connected = true;
    if (!is_another_product || row.approval == "pending") {
      save(entry);
      co_return controller;
    }
    auto placed = co_await repository_.place(row, *ownership);
    if (!placed) co_return tl::unexpected(placed.error());
    take_rules(identity.id, std::move(*placed));
    co_return controller;
  }
  // The row of one that waits for approval is not touched again until then: it must not say "connected" for ever.
  auto first = row;
  row.connected = true;
  first.connected = row.approval == "approved";
  auto saved = co_await repository_.add(std::move(first));
  if (!saved) co_return tl::unexpected(saved.error());
  if (auto* still_there = find(identity.id)) still_there->stored = true;
  take_rules(identity.id, std::move(*saved));
  co_return controller;
}

}  // namespace drydock::server
