#include "server/device_server.hpp"

#include "server/commands.hpp"
#include "server/pending_devices.hpp"
#include "base/asio_tokens.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "device/session.hpp"
#include "store/access.hpp"
#include "store/modules.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <fmt/core.h>

namespace drydock::server {
namespace {

using namespace std::chrono_literals;

constexpr auto tidying_pause = 1h;

struct Stored {
  std::vector<store::DeviceRow> devices;
  std::map<std::string, std::vector<planning::Target>> targets;
  std::map<std::string, std::vector<firmware::InstalledModule>> modules;
  firmware::Library library;
  std::vector<std::string> unfinished;  ///< at a start: whose update ran
  std::vector<std::string> in_flight;   ///< and who has a step to be judged
  std::int64_t running = 0;
  bool paused = false;
};

Stored load_state(store::Database& db) {
  Stored stored;
  stored.devices = store::load_devices(db);
  for (const auto& row : stored.devices) {
    stored.targets[row.id] = store::load_targets(db, row.id);
    stored.modules[row.id] = store::load_modules(db, row.id);
  }
  stored.library = store::load_library(db);
  stored.paused = commands::is_paused(db);
  return stored;
}

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
      update_slots_(configuration_.concurrent_updates) {}

DeviceServer::~DeviceServer() = default;

asio::awaitable<Result<void>> DeviceServer::start() {
  const auto now = utc_milliseconds();
  std::function<Stored(store::Database&)> load = [now](store::Database& db) {
    store::mark_all_disconnected(db);
    store::recover_interrupted_steps(db, now);
    auto stored_state = load_state(db);
    stored_state.unfinished = store::devices_with_running_update(db);
    for (const auto& row : stored_state.devices)
      if (store::step_in_flight(db, row.id)) stored_state.in_flight.push_back(row.id);
    stored_state.running = ServiceUptime::parse(store::load_setting(db, ServiceUptime::setting).value_or(""));
    return stored_state;
  };
  auto stored = co_await services_.writer.perform<Stored>(std::move(load));
  if (!stored) co_return tl::unexpected(stored.error());
  library_ = std::move(stored->library);
  paused_ = stored->paused;
  uptime_.begin(stored->running);
  const auto is_in = [](const std::vector<std::string>& ids, const std::string& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  for (auto& row : stored->devices) {
    const auto id = transport::DeviceId::parse(row.id);
    if (!id) continue;
    auto& entry = fleet_[*id];
    entry.update_unfinished = is_in(stored->unfinished, row.id);
    entry.step_in_flight = is_in(stored->in_flight, row.id);
    entry.targets = stored->targets[row.id];
    entry.modules_stored = stored->modules[row.id];
    entry.row = std::move(row);
    entry.stored = true;
    mark_changed(entry);
  }
  mark_membership_changed();
  expire_pending_devices();
  co_return Result<void>{};
}

asio::awaitable<Result<void>> DeviceServer::reload() {
  std::function<Stored(store::Database&)> load = load_state;
  auto stored = co_await services_.writer.perform<Stored>(std::move(load));
  if (!stored) co_return tl::unexpected(stored.error());
  library_ = std::move(stored->library);
  paused_ = stored->paused;

  Fleet before = std::move(fleet_);
  fleet_.clear();
  for (auto& row : stored->devices) {
    const auto id = transport::DeviceId::parse(row.id);
    if (!id) continue;
    // People change name, approval, keys and targets; the rest is fresher in memory.
    auto old = before.extract(*id);
    auto& entry = fleet_[*id];
    if (old)
      entry = std::move(old.mapped());
    else
      entry.row = row;
    entry.row.name = row.name;
    entry.row.approval = row.approval;
    entry.row.held = row.held;
    entry.row.forced = row.forced;
    entry.row.public_key = row.public_key;
    entry.row.changed_key = row.changed_key;
    entry.targets = stored->targets[row.id];
    entry.stored = true;
    mark_changed(entry);
    if (entry.row.approval == "refused" && entry.channel) entry.channel->close();
  }
  // What is left was forgotten by a person, or is so new that it was not stored yet when we looked.
  for (auto& [id, entry] : before) {
    if (!entry.stored)
      fleet_.emplace(id, std::move(entry));
    else if (entry.channel)
      entry.channel->close();
  }
  interrupt_all();
  mark_membership_changed();
  co_return Result<void>{};
}

void DeviceServer::mark_changed(DeviceEntry& entry) {
  entry.revision = ++revision_;
  if (services_.on_change) services_.on_change();
}

void DeviceServer::mark_membership_changed() {
  membership_revision_ = ++revision_;
  if (services_.on_change) services_.on_change();
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
    schedule_merged_writes();
  else
    repository_.save_soon(entry.row);
}

void DeviceServer::save_modules(DeviceEntry& entry) {
  entry.modules_unsaved = !entry.row_write_budget.take(Clock::now());
  if (entry.modules_unsaved)
    schedule_merged_writes();
  else
    repository_.save_modules_soon(entry.row.id, entry.modules_stored);
}

void DeviceServer::schedule_merged_writes() {
  if (std::exchange(merge_scheduled_, true)) return;
  merge_timer_.expires_after(limits::merge_delay);
  merge_timer_.async_wait([this](asio::error_code error) {
    if (error) return;
    merge_scheduled_ = false;
    write_merged_changes(false);
  });
}

void DeviceServer::write_merged_changes(bool all) {
  for (auto& [id, entry] : fleet_) {
    if (all && entry.row_unsaved)
      repository_.save_soon(entry.row);
    else if (entry.row_unsaved)
      save(entry);
    if (all && entry.modules_unsaved)
      repository_.save_modules_soon(entry.row.id, entry.modules_stored);
    else if (entry.modules_unsaved)
      save_modules(entry);
    if (all) entry.row_unsaved = entry.modules_unsaved = false;
  }
}

void DeviceServer::expire_pending_devices() {
  for (const auto& id : expired(fleet_, uptime_.now(), uptime_.of_this_run())) {
    repository_.forget(id.text());
    fleet_.erase(id);
    mark_membership_changed();
  }
  expiry_timer_.expires_after(tidying_pause);
  expiry_timer_.async_wait([this](asio::error_code error) {
    if (!error) expire_pending_devices();
  });
}

void DeviceServer::mark_session_known(const transport::DeviceId& id) {
  if (auto* entry = find(id)) entry->session_known = true;
}

bool DeviceServer::needs(const std::string& sha256) const {
  return std::any_of(fleet_.begin(), fleet_.end(), [&](const auto& known) {
    const auto& entry = known.second;
    return std::any_of(entry.plan.steps.begin(), entry.plan.steps.end(),
               [&](const auto& step) { return step.module.sha256 == sha256; }) ||
        std::any_of(
            entry.targets.begin(), entry.targets.end(), [&](const auto& target) { return target.sha256 == sha256; });
  });
}

void DeviceServer::interrupt_all() {
  for (auto& [id, entry] : fleet_)
    if (entry.channel) entry.channel->interrupt();
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
    log_exception(failed);
  });
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

void DeviceServer::begin_shutdown() {
  stopping_ = true;
  for (auto& [id, entry] : fleet_)
    if (entry.channel && !entry.transfer) entry.channel->close();
}

std::size_t DeviceServer::transfers() const {
  return static_cast<std::size_t>(
      std::count_if(fleet_.begin(), fleet_.end(), [](const auto& entry) { return entry.second.transfer.has_value(); }));
}

void DeviceServer::stop() {
  stopping_ = true;
  merge_timer_.cancel();
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
    if (auto* entry = find(id); entry != nullptr && entry->channel != nullptr) entry->channel->interrupt();
}

bool DeviceServer::is_known_address(const std::string& peer) const {
  const auto address = without_port(peer);
  return std::any_of(fleet_.begin(), fleet_.end(), [&](const auto& entry) {
    return entry.second.row.approval == "approved" && entry.second.row.address == address;
  });
}

void DeviceServer::connection_rejected(const Error& why, const std::string& peer) {
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
  callbacks.on_event = [id](const device::Event& event) { log::debug("{}: event {}", id.text(), event.name); };
  return callbacks;
}

}  // namespace drydock::server
