#include "appliance/appliance.hpp"

#include "appliance/admission.hpp"
#include "appliance/berth.hpp"
#include "appliance/commands.hpp"
#include "base/log.hpp"
#include "device/session.hpp"
#include "store/modules.hpp"

#include <asio/co_spawn.hpp>
#include <fmt/core.h>

namespace drydock::appliance {
namespace {

struct Stored {
  std::vector<store::DeviceRow> devices;
  std::map<std::string, std::vector<planning::Goal>> goals;
  std::map<std::string, std::vector<firmware::InstalledModule>> modules;
  firmware::Catalogue catalogue;
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

std::string without_port(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

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
    : services_(std::move(services)), configuration_(std::move(configuration)), journal_(services_.writer), turns_(configuration_.concurrent_updates) {}

Appliance::~Appliance() = default;

asio::awaitable<Result<void>> Appliance::start() {
  const auto now = utc_milliseconds();
  std::function<Stored(store::Database&)> load = [now](store::Database& db) {
    store::mark_all_disconnected(db);
    store::recover_interrupted_steps(db, now);
    return load_everything(db);
  };
  auto stored = co_await services_.writer.perform<Stored>(std::move(load));
  if (!stored) co_return tl::unexpected(stored.error());
  catalogue_ = std::move(stored->catalogue);
  paused_ = stored->paused;
  for (auto& row : stored->devices) {
    const auto id = transport::DeviceId::parse(row.id);
    if (!id) continue;
    auto& member = fleet_[*id];
    member.goals = stored->goals[row.id];
    member.modules_stored = stored->modules[row.id];
    member.row = std::move(row);
    member.stored = true;
    touch(member);
  }
  touch_structure();
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

Result<Bytes> Appliance::admit(const transport::Claim& claim, const std::string&) {
  auto admission = consider(claim, fleet_, configuration_.policy);
  if (!admission.key.empty()) return std::move(admission.key);
  if (admission.answer == Admission::Answer::changed_key) {
    auto& row = find(claim.id)->row;
    if (row.changed_key != claim.public_key) {
      row.changed_key = claim.public_key;
      row.changed_key_seen = utc_milliseconds();
      touch(*find(claim.id));
      journal_.changed_key(row.id, claim.public_key);
      journal_.record(log::Level::warning, {row.id, "changed_key", admission.words});
    }
  }
  return failure(Kind::conflict, admission.words);
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

asio::awaitable<Result<std::unique_ptr<device::Berth>>> Appliance::berth(const transport::Claim& claim, const device::Hello& hello,
                                                                         transport::Channel& channel) {
  auto [entry, is_new] = fleet_.try_emplace(claim.id);
  auto& member = entry->second;
  const auto now = utc_milliseconds();
  if (is_new) {
    member.row.id = claim.id.text();
    member.row.public_key = claim.public_key;
    member.row.first_seen = now;
    member.row.approval = configuration_.policy == Policy::open ? "approved" : "pending";
  }
  if (member.channel != nullptr) {
    log::info("{}: a new connection replaces the old one", member.row.id);
    member.channel->close();
  }
  member.channel = &channel;
  member.connection = ++connections_;
  member.transfer.reset();
  auto& row = member.row;
  row.platform = hello.platform;
  row.product_id = hello.product_id;
  row.product_version = hello.product_version;
  row.system_version = hello.system_version;
  row.hello_flags = hello.flags;
  row.address = without_port(channel.peer());
  row.connected = true;
  row.safe_mode = false;
  row.last_seen = now;
  touch(member);
  if (is_new) touch_structure();

  auto berth = std::make_unique<ApplianceBerth>(*this, claim.id, member.connection);
  const auto what = firmware::platform_name(row.platform);
  if (is_new) journal_.record(log::Level::notice, {row.id, "first_seen", fmt::format("a new device, a {}, connected from {}", what, row.address)});
  else journal_.record(log::Level::info, {row.id, "connected", fmt::format("connected from {}", row.address)});
  if (member.stored) {
    journal_.save_soon(row);
    co_return berth;
  }
  const auto saved = co_await journal_.add(row);
  if (!saved) co_return tl::unexpected(saved.error());
  if (auto* still_there = find(claim.id)) still_there->stored = true;
  co_return berth;
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
