#include "server/device_server.hpp"

#include "server/commands.hpp"
#include "server/device_calls.hpp"
#include "server/server_metrics.hpp"
#include "base/asio_tokens.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "device/session.hpp"
#include "store/access.hpp"
#include "store/changes.hpp"
#include "store/modules.hpp"
#include "store/nodes.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <fmt/core.h>

namespace drydock::server {
namespace {

using namespace std::chrono_literals;

constexpr auto tidying_pause = 1h;

// What is in memory from the beginning: those that wait for approval, of whom there is a limit, and what is of all.
struct Stored {
  std::vector<store::DeviceRow> pending;
  firmware::Library library;
  std::vector<std::string> unfinished;  ///< whose update ran
  std::vector<std::string> addresses;   ///< of approved devices
  std::int64_t latest_change = 0;
  std::int64_t running = 0;
  bool paused = false;
};

void log_exception(std::exception_ptr failed) {
  if (!failed) return;
  try {
    std::rethrow_exception(failed);
  } catch (const std::exception& e) {
    log::error("a session ended by a fault of this program: {}", e.what());
  }
}

}  // namespace

DeviceServer::DeviceServer(Services services, state::Configuration configuration)
    : services_(std::move(services)),
      configuration_(std::move(configuration)),
      repository_(services_.writer, uptime_),
      merge_timer_(services_.loop),
      expiry_timer_(services_.loop),
      absence_timer_(services_.loop),
      rollouts_(services_.loop, services_.writer,
          {[this] { return uptime_.now(); }, static_cast<std::size_t>(2 * configuration_.concurrent_updates),
              [this]() -> asio::awaitable<Result<void>> { return apply_changes(); },
              [this](const RolloutLook::Stopped& stopped) {
                publish(rollout_event(stopped.id, stopped.release, stopped.reason));
              }}),
      update_slots_(configuration_.concurrent_updates),
      delay_(services_.loop) {
  if (!services_.tell_nodes) return;
  OtherNodes::Callbacks callbacks;
  callbacks.send = services_.tell_nodes;
  callbacks.publish = [this](const PublishedEvent& event) { publish_here(event); };
  callbacks.ask_device = [this](const DeviceRequest& request, Answered done) {
    ask_device(*this, request, std::move(done));
  };
  others_ = std::make_unique<OtherNodes>(services_.loop, services_.node, std::move(callbacks));
}

DeviceServer::~DeviceServer() = default;

asio::awaitable<Result<void>> DeviceServer::start() {
  std::function<Stored(store::Database&)> load = [](store::Database& db) {
    store::release_unowned(db);
    Stored stored;
    stored.pending = store::load_pending_devices(db);
    stored.library = store::load_library(db);
    stored.unfinished = store::devices_with_running_update(db);
    stored.addresses = store::approved_addresses(db);
    stored.latest_change = store::latest_change(db);
    stored.running = ServiceUptime::parse(store::load_setting(db, ServiceUptime::setting).value_or(""));
    stored.paused = commands::is_paused(db);
    return stored;
  };
  auto stored = co_await services_.writer.perform<Stored>(std::move(load));
  if (!stored) co_return tl::unexpected(stored.error());
  if (stopping_) co_return Result<void>{};
  library_ = std::move(stored->library);
  paused_ = stored->paused;
  last_change_ = stored->latest_change;
  known_addresses_.insert(stored->addresses.begin(), stored->addresses.end());
  uptime_.begin(stored->running);
  for (auto& row : stored->pending) {
    DeviceRepository::StoredDevice device;
    device.row = std::move(row);
    if (const auto id = transport::DeviceId::parse(device.row.id)) insert(*id, std::move(device));
  }
  for (const auto& text : stored->unfinished)
    if (const auto id = transport::DeviceId::parse(text)) unfinished_.push_back(*id);
  mark_membership_changed();
  expire_pending_devices();
  rollouts_.wake();
  restate_absent();
  co_return Result<void>{};
}

void DeviceServer::mark_changed(DeviceEntry& entry) {
  entry.revision = ++revision_;
  delay_.sample();
  changed_.tell();
}

void DeviceServer::mark_membership_changed() {
  membership_revision_ = ++revision_;
  changed_.tell();
}

void DeviceServer::note_others(std::size_t connected) {
  connected_elsewhere_ = connected;
  ++revision_;
  ++told_by_others_;
  changed_.tell();
}

void DeviceServer::record(DeviceEntry& entry, log::Level level, const std::string& kind, const std::string& words) {
  const bool pending = entry.row.approval == "pending";
  auto& budget = pending ? pending_history_budget_ : entry.history_budget;
  if (!budget.take(Clock::now())) {
    ++entry.suppressed_lines;
    return;
  }
  HistoryRecord happening{entry.row.id, kind, words};
  if (const auto left_out = std::exchange(entry.suppressed_lines, 0); left_out > 0)
    happening.words = fmt::format("({} left out before this: the device makes too many lines) {}", left_out, words);
  if (pending)
    DeviceRepository::tell(level, happening);
  else
    repository_.record(level, std::move(happening));
}

void DeviceServer::save(DeviceEntry& entry) {
  if (entry.row.approval == "pending") return;  // people see it as it is in memory; its row says that it was here
  entry.row_unsaved = !entry.row_write_budget.take(Clock::now());
  if (entry.row_unsaved)
    schedule_merged_writes(entry);
  else
    repository_.save_soon(entry.row, entry.ownership);
}

void DeviceServer::save_modules(DeviceEntry& entry) {
  entry.modules_unsaved = !entry.row_write_budget.take(Clock::now());
  if (entry.modules_unsaved)
    schedule_merged_writes(entry);
  else
    repository_.save_modules_soon(entry.row.id, entry.modules_stored, entry.ownership);
}

void DeviceServer::schedule_merged_writes(const DeviceEntry& changed) {
  if (const auto id = transport::DeviceId::parse(changed.row.id)) unsaved_.insert(*id);
  if (std::exchange(merge_scheduled_, true)) return;
  merge_timer_.expires_after(limits::merge_delay);
  merge_timer_.async_wait([this](asio::error_code error) {
    if (error) return;
    merge_scheduled_ = false;
    write_merged_changes(false);
  });
}

void DeviceServer::write_merged_changes(bool all) {
  for (const auto& id : std::exchange(unsaved_, {})) {
    auto* known = find(id);
    if (known == nullptr) continue;
    auto& entry = *known;
    if (all && entry.row_unsaved)
      repository_.save_soon(entry.row, entry.ownership);
    else if (entry.row_unsaved)
      save(entry);
    if (all && entry.modules_unsaved)
      repository_.save_modules_soon(entry.row.id, entry.modules_stored, entry.ownership);
    else if (entry.modules_unsaved)
      save_modules(entry);
    if (all) entry.row_unsaved = entry.modules_unsaved = false;
  }
}

void DeviceServer::expire_pending_devices() {
  for (const auto& id : expired(pending_devices(), uptime_.now(), uptime_.of_this_run())) {
    repository_.forget(id.text());
    erase(id);
    mark_membership_changed();
  }
  expiry_timer_.expires_after(tidying_pause);
  expiry_timer_.async_wait([this](asio::error_code error) {
    if (!error) expire_pending_devices();
  });
}

bool DeviceServer::needs(const std::string& sha256) const {
  return std::any_of(fleet_.begin(), fleet_.end(), [&](const auto& known) {
    const auto& steps = known.second.plan.steps;
    return std::any_of(steps.begin(), steps.end(), [&](const auto& step) { return step.module.sha256 == sha256; });
  });
}

// A plain function: its lambda never shares a full expression with an await.
void DeviceServer::serve(std::shared_ptr<transport::ByteStream> stream) {
  if (stopping_) return stream->close();
  sessions_[stream.get()] = [stream] { stream->close(); };
  asio::co_spawn(services_.loop, run_session(stream), [this, stream](std::exception_ptr failed) {
    sessions_.erase(stream.get());
    stream->close();
    log_exception(failed);
  });
}

void DeviceServer::serve(std::shared_ptr<transport::ResumableChannel> channel) {
  spawn_session(std::move(channel), false);
}

void DeviceServer::call(std::shared_ptr<transport::ResumableChannel> channel) {
  spawn_session(std::move(channel), true);
}

void DeviceServer::spawn_session(std::shared_ptr<transport::ResumableChannel> channel, bool calls) {
  if (stopping_) return;
  channel->attach();
  sessions_[channel.get()] = [channel] { channel->close(); };
  asio::co_spawn(services_.loop, run_session(channel, calls), [this, channel](std::exception_ptr failed) {
    sessions_.erase(channel.get());
    channel->detach();
    if (services_.node != 0) let_go(*channel);
    log_exception(failed);
  });
}

// Any other machine may go on with the session, and this one when its device speaks again.
void DeviceServer::let_go(transport::ResumableChannel& channel) {
  const auto& binding = channel.binding();
  if (!binding || !binding->persistent) return;
  release_unused(binding->device);  // if it was taken up and never got as far as a connection
  channel.let_go();
}

asio::awaitable<void> DeviceServer::run_session(std::shared_ptr<transport::ByteStream> stream) {
  co_await device::serve(*stream, *this);
}

asio::awaitable<void> DeviceServer::run_session(std::shared_ptr<transport::ResumableChannel> channel, bool calls) {
  if (calls) {
    coap::Message ping;
    ping.id = get_be16(random().bytes(2), 0);
    if (const auto sent = co_await channel->send(ping); !sent) co_return;
  }
  co_await device::serve(*channel, *this);
}

std::optional<std::shared_ptr<transfer::ByteRate>> DeviceServer::join_rate(const planning::UpdatePolicy& policy) {
  if (policy.bytes_per_second == 0) return nullptr;
  std::erase_if(rates_, [](const auto& known) { return known.second.expired(); });
  auto& known = rates_[policy.rollout];
  if (static_cast<std::size_t>(known.use_count()) >= planning::devices_at_rate(policy.bytes_per_second))
    return std::nullopt;
  auto rate = known.lock();
  if (!rate) known = rate = std::make_shared<transfer::ByteRate>(policy.bytes_per_second);
  return rate;
}

void DeviceServer::begin_shutdown() {
  stopping_ = true;
  rollouts_.stop();
  for (auto& [id, entry] : fleet_)
    if (entry.channel && !entry.transfer) entry.channel->close();
}

std::size_t DeviceServer::transfers() const {
  return static_cast<std::size_t>(
      std::count_if(fleet_.begin(), fleet_.end(), [](const auto& entry) { return entry.second.transfer.has_value(); }));
}

void DeviceServer::stop() {
  stopping_ = true;
  rollouts_.stop();
  merge_timer_.cancel();
  absence_timer_.cancel();
  expiry_timer_.cancel();
  write_merged_changes(true);
  repository_.close();
  for (auto& [id, entry] : fleet_)
    if (entry.channel) entry.channel->close();
  for (auto& [key, close] : sessions_) close();
}

DeviceEntry* DeviceServer::find(const transport::DeviceId& id) {
  const auto found = fleet_.find(id);
  return found == fleet_.end() ? nullptr : &found->second;
}

void DeviceServer::wake_queued_devices() {
  for (const auto& id : update_slots_.ready())
    if (auto* entry = find(id); entry != nullptr && entry->device != nullptr) entry->device->interrupt();
}

bool DeviceServer::is_known_address(const std::string& peer) const {
  return known_addresses_.contains(without_port(peer));
}

void DeviceServer::connection_rejected(const Error& why, const std::string& peer) {
  rejected_over_tcp.add();
  const auto address = without_port(peer);
  std::string words;
  std::string kind = "refused";
  switch (why.kind) {
    case ErrorKind::refused:
      kind = "wrong_server_key";
      words = fmt::format(
          "wrong server key in the device at {}: it was set up for another server, or its key was never written. "
          "Write this server's key to it: 'drydock keys export' makes the file and shows the commands",
          address);
      break;
    case ErrorKind::conflict: words = fmt::format("{} (from {})", why.message, address); break;
    case ErrorKind::malformed:
    case ErrorKind::too_large: words = fmt::format("{} was rejected: {}", address, why.message); break;
    default: return log::debug("{}: {}", peer, why.message);
  }
  if (rejection_log_.should_log(address, words)) repository_.record(log::Level::warning, {"", kind, words});
}

void DeviceServer::handshake_failed(const Error& why, const std::string& peer) {
  rejected_over_udp.add();
  const auto address = without_port(peer);
  const auto words = fmt::format(
      "the device at {} does not get through its handshake: {}. As a rule it was set up for another server, or its key "
      "was never written. "
      "Write this server's key to it: 'drydock keys export --udp' makes the file and shows the commands",
      address, why.message);
  if (rejection_log_.should_log(address, words))
    repository_.record(log::Level::warning, {"", "wrong_server_key", words});
}

device::ProtocolCallbacks DeviceServer::callbacks(const transport::DeviceId& id) {
  device::ProtocolCallbacks callbacks;
  callbacks.device_name = [this, id] {
    const auto* entry = find(id);
    return entry ? entry->row.name : std::string();
  };
  callbacks.on_event = [this, id](const device::Event& event) { take_event(id, event); };
  callbacks.on_vitals = [this, id](ByteView said) {
    auto* entry = find(id);
    if (entry == nullptr || entry->row.approval != "approved" || !entry->event_budget.take(Clock::now())) return;
    if (const auto* vitals = take_vitals(id, said)) publish(vitals_event(id, vitals->json));
  };
  callbacks.on_subscription = [this, id] { note_subscription(id); };
  return callbacks;
}

}  // namespace drydock::server
