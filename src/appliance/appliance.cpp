#include "appliance/appliance.hpp"

#include "appliance/commands.hpp"
#include "appliance/enrolment.hpp"
#include "base/asio_tokens.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "device/session.hpp"
#include "store/access.hpp"
#include "store/modules.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <fmt/core.h>

namespace drydock::appliance {
namespace {

using namespace std::chrono_literals;

constexpr auto tidying_pause = 1h;

struct Stored {
  std::vector<store::DeviceRow> devices;
  std::map<std::string, std::vector<planning::Goal>> goals;
  std::map<std::string, std::vector<firmware::InstalledModule>> modules;
  firmware::Catalogue catalogue;
  std::vector<std::string> unfinished;      ///< at a start: whose update ran
  std::vector<std::string> in_flight;       ///< and who has a step to be judged
  std::int64_t running = 0;
  bool paused = false;
};


Stored load_everything(store::Database& db) {
  Stored stored;
  stored.devices = store::load_devices(db);
  for (const auto& row : stored.devices) {
    stored.goals[row.id] = store::load_goals(db, row.id);
    stored.modules[row.id] = store::load_modules(db, row.id);
  }
  stored.catalogue = store::load_catalogue(db);
  stored.paused = commands::is_paused(db);
  return stored;
}

void report_fault(std::exception_ptr failed) {
  if (!failed) return;
  try {
    std::rethrow_exception(failed);
  } catch (const std::exception& e) {
    log::error("a session ended by a fault of this program: {}", e.what());
  }
}

}  // namespace

Appliance::Appliance(Services services, Configuration configuration)
    : services_(std::move(services)), configuration_(std::move(configuration)), journal_(services_.writer, running_), merging_(services_.loop), tidying_(services_.loop),
      turns_(configuration_.concurrent_updates) {}

Appliance::~Appliance() = default;

asio::awaitable<Result<void>> Appliance::start() {
  const auto now = utc_milliseconds();
  std::function<Stored(store::Database&)> load = [now](store::Database& db) {
    store::mark_all_disconnected(db);
    store::recover_interrupted_steps(db, now);
    auto stored_state = load_everything(db);
    stored_state.unfinished = store::devices_with_running_update(db);
    for (const auto& row : stored_state.devices)
      if (store::step_in_flight(db, row.id)) stored_state.in_flight.push_back(row.id);
    stored_state.running = RunningTime::parse(store::load_setting(db, RunningTime::setting).value_or(""));
    return stored_state;
  };
  auto stored = co_await services_.writer.perform<Stored>(std::move(load));
  if (!stored) co_return tl::unexpected(stored.error());
  catalogue_ = std::move(stored->catalogue);
  paused_ = stored->paused;
  running_.begin(stored->running);
  const auto is_in = [](const std::vector<std::string>& ids, const std::string& id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); };
  for (auto& row : stored->devices) {
    const auto id = transport::DeviceId::parse(row.id);
    if (!id) continue;
    auto& member = fleet_[*id];
    member.update_unfinished = is_in(stored->unfinished, row.id);
    member.step_in_flight = is_in(stored->in_flight, row.id);
    member.goals = stored->goals[row.id];
    member.modules_stored = stored->modules[row.id];
    member.row = std::move(row);
    member.stored = true;
    touch(member);
  }
  touch_structure();
  tidy_up();
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Appliance::reload() {
  std::function<Stored(store::Database&)> load = load_everything;
  auto stored = co_await services_.writer.perform<Stored>(std::move(load));
  if (!stored) co_return tl::unexpected(stored.error());
  catalogue_ = std::move(stored->catalogue);
  paused_ = stored->paused;

  Fleet before = std::move(fleet_);
  fleet_.clear();
  for (auto& row : stored->devices) {
    const auto id = transport::DeviceId::parse(row.id);
    if (!id) continue;
    // People change name, approval, keys and goals; the rest is fresher in memory.
    auto old = before.extract(*id);
    auto& member = fleet_[*id];
    if (old) member = std::move(old.mapped());
    else member.row = row;
    member.row.name = row.name;
    member.row.approval = row.approval;
    member.row.held = row.held;
    member.row.forced = row.forced;
    member.row.public_key = row.public_key;
    member.row.changed_key = row.changed_key;
    member.goals = stored->goals[row.id];
    member.stored = true;
    touch(member);
    if (member.row.approval == "refused" && member.channel) member.channel->close();
  }
  // What is left was forgotten by a person, or is so new that it was not stored yet when we looked.
  for (auto& [id, member] : before) {
    if (!member.stored) fleet_.emplace(id, std::move(member));
    else if (member.channel) member.channel->close();
  }
  nudge_all();
  touch_structure();
  co_return Result<void>{};
}

void Appliance::touch(FleetMember& member) {
  member.revision = ++revision_;
  if (services_.on_change) services_.on_change();
}

void Appliance::touch_structure() {
  structure_ = ++revision_;
  if (services_.on_change) services_.on_change();
}

void Appliance::record(FleetMember& member, log::Level level, const std::string& kind, const std::string& words) {
  const bool pending = member.row.approval == "pending";
  auto& budget = pending ? pending_lines_ : member.lines;
  if (!budget.take(Clock::now())) {
    ++member.lines_left_out;
    return;
  }
  Happening happening{member.row.id, kind, words};
  if (const auto left_out = std::exchange(member.lines_left_out, 0); left_out > 0)
    happening.words = fmt::format("({} left out before this: the device makes too many lines) {}", left_out, words);
  if (pending) Journal::tell(level, happening);
  else journal_.record(level, std::move(happening));
}

void Appliance::save(FleetMember& member) {
  if (member.row.approval == "pending") return;   // people see it as it is in memory; its row says that it was here
  member.row_unsaved = !member.rows.take(Clock::now());
  if (member.row_unsaved) merge_soon();
  else journal_.save_soon(member.row);
}

void Appliance::save_modules(FleetMember& member) {
  member.modules_unsaved = !member.rows.take(Clock::now());
  if (member.modules_unsaved) merge_soon();
  else journal_.save_modules_soon(member.row.id, member.modules_stored);
}

void Appliance::merge_soon() {
  if (std::exchange(merges_, true)) return;
  merging_.expires_after(limits::merge_pause);
  merging_.async_wait([this](asio::error_code error) {
    if (error) return;
    merges_ = false;
    write_merged(false);
  });
}

void Appliance::write_merged(bool all) {
  for (auto& [id, member] : fleet_) {
    if (all && member.row_unsaved) journal_.save_soon(member.row);
    else if (member.row_unsaved) save(member);
    if (all && member.modules_unsaved) journal_.save_modules_soon(member.row.id, member.modules_stored);
    else if (member.modules_unsaved) save_modules(member);
    if (all) member.row_unsaved = member.modules_unsaved = false;
  }
}

void Appliance::tidy_up() {
  for (const auto& id : expired(fleet_, running_.now(), running_.of_this_run())) {
    journal_.forget(id.text());
    fleet_.erase(id);
    touch_structure();
  }
  tidying_.expires_after(tidying_pause);
  tidying_.async_wait([this](asio::error_code error) {
    if (!error) tidy_up();
  });
}

void Appliance::note_session(const transport::DeviceId& id) {
  if (auto* member = find(id)) member->session_known = true;
}

bool Appliance::needs(const std::string& sha256) const {
  return std::any_of(fleet_.begin(), fleet_.end(), [&](const auto& entry) {
    const auto& [id, member] = entry;
    return std::any_of(member.plan.steps.begin(), member.plan.steps.end(), [&](const auto& step) { return step.module.sha256 == sha256; }) ||
           std::any_of(member.goals.begin(), member.goals.end(), [&](const auto& goal) { return goal.sha256 == sha256; });
  });
}

void Appliance::nudge_all() {
  for (auto& [id, member] : fleet_)
    if (member.channel) member.channel->interrupt();
}

// A plain function: its lambda never shares a full expression with an await.
void Appliance::serve(std::shared_ptr<transport::ByteStream> stream) {
  if (stopping_) return stream->close();
  sessions_[stream.get()] = [stream] { stream->close(); };
  asio::co_spawn(services_.loop, run_session(stream), [this, stream](std::exception_ptr failed) {
    sessions_.erase(stream.get());
    stream->close();
    report_fault(failed);
  });
}

void Appliance::serve(std::shared_ptr<transport::ResumableChannel> channel) { attend(std::move(channel), false); }

void Appliance::call(std::shared_ptr<transport::ResumableChannel> channel) { attend(std::move(channel), true); }

void Appliance::attend(std::shared_ptr<transport::ResumableChannel> channel, bool calls) {
  if (stopping_) return;
  channel->attend();
  sessions_[channel.get()] = [channel] { channel->close(); };
  asio::co_spawn(services_.loop, run_session(channel, calls), [this, channel](std::exception_ptr failed) {
    sessions_.erase(channel.get());
    channel->leave();
    report_fault(failed);
  });
}

asio::awaitable<void> Appliance::run_session(std::shared_ptr<transport::ByteStream> stream) { co_await device::serve(*stream, *this); }

asio::awaitable<void> Appliance::run_session(std::shared_ptr<transport::ResumableChannel> channel, bool calls) {
  if (calls) {
    coap::Message ping;
    ping.id = get_be16(random().bytes(2), 0);
    if (const auto sent = co_await channel->send(ping); !sent) co_return;
  }
  co_await device::serve(*channel, *this);
}

void Appliance::wind_down() {
  stopping_ = true;
  for (auto& [id, member] : fleet_)
    if (member.channel && !member.transfer) member.channel->close();
}

std::size_t Appliance::transfers() const {
  return static_cast<std::size_t>(std::count_if(fleet_.begin(), fleet_.end(), [](const auto& entry) { return entry.second.transfer.has_value(); }));
}

void Appliance::stop() {
  stopping_ = true;
  merging_.cancel();
  tidying_.cancel();
  write_merged(true);
  journal_.close();
  for (auto& [id, member] : fleet_)
    if (member.channel) member.channel->close();
  for (auto& [key, close] : sessions_) close();
}

FleetMember* Appliance::find(const transport::DeviceId& id) {
  const auto found = fleet_.find(id);
  return found == fleet_.end() ? nullptr : &found->second;
}

void Appliance::call_waiting() {
  for (const auto& id : turns_.called())
    if (auto* member = find(id); member != nullptr && member->channel != nullptr) member->channel->interrupt();
}

bool Appliance::knows_address(const std::string& peer) const {
  const auto address = without_port(peer);
  return std::any_of(fleet_.begin(), fleet_.end(), [&](const auto& entry) { return entry.second.row.approval == "approved" && entry.second.row.address == address; });
}

void Appliance::turned_away(const Error& why, const std::string& peer) {
  const auto address = without_port(peer);
  std::string words;
  std::string kind = "refused";
  switch (why.kind) {
    case Kind::refused:
      kind = "wrong_server_key";
      words = fmt::format("wrong server key in the device at {}: it was set up for another server, or its key was never written. "
                          "Write this server's key to it: 'drydock keys export' makes the file and shows the commands", address);
      break;
    case Kind::conflict: words = fmt::format("{} (from {})", why.message, address); break;
    case Kind::malformed:
    case Kind::too_large: words = fmt::format("{} was turned away: {}", address, why.message); break;
    default: return log::debug("{}: {}", peer, why.message);
  }
  if (refusals_.is_news(address, words)) journal_.record(log::Level::warning, {"", kind, words});
}

void Appliance::handshake_failed(const Error& why, const std::string& peer) {
  const auto address = without_port(peer);
  const auto words = fmt::format("the device at {} does not get through its handshake: {}. As a rule it was set up for another server, or its key was never written. "
                                 "Write this server's key to it: 'drydock keys export --udp' makes the file and shows the commands", address, why.message);
  if (refusals_.is_news(address, words)) journal_.record(log::Level::warning, {"", "wrong_server_key", words});
}

device::Bystander Appliance::bystander(const transport::DeviceId& id) {
  device::Bystander bystander;
  bystander.device_name = [this, id] {
    const auto* member = find(id);
    return member ? member->row.name : std::string();
  };
  bystander.on_event = [id](const device::Event& event) { log::debug("{}: event {}", id.text(), event.name); };
  return bystander;
}

}  // namespace drydock::appliance
