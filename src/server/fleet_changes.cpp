// Which devices are in memory, and what becomes of them when a person changes something.
#include "server/admission.hpp"
#include "server/commands.hpp"
#include "server/device_server.hpp"
#include "store/modules.hpp"

#include <algorithm>

namespace drydock::server {
namespace {

// A device that resets or loses its network is back sooner, and need not be read again.
constexpr auto absence = std::chrono::minutes(10);

// Read in one go, between which others may read and write.
constexpr std::size_t devices_at_once = 200;

// Platforms of which a module came, went or is another now.
std::set<std::uint16_t> changed_platforms(const firmware::Library& before, const firmware::Library& after) {
  std::set<std::uint16_t> platforms;
  for (const auto* module : before.all())
    if (after.find(module->sha256) == nullptr) platforms.insert(module->platform);
  for (const auto* module : after.all())
    if (before.find(module->sha256) == nullptr) platforms.insert(module->platform);
  return platforms;
}

}  // namespace

DeviceEntry& DeviceServer::insert(const transport::DeviceId& id, DeviceRepository::StoredDevice stored) {
  auto& entry = fleet_[id];
  entry.stored = true;
  entry.step_to_judge = stored.step_to_judge;
  entry.steps_done = stored.steps_done;
  entry.policy = std::move(stored.policy);
  entry.modules_stored = std::move(stored.modules);
  entry.row = std::move(stored.row);
  entry.row.connected = false;
  if (entry.row.approval == "pending") pending_.insert(id);
  forget_later(entry);
  mark_changed(entry);
  return entry;
}

void DeviceServer::erase(const transport::DeviceId& id) {
  if (const auto* entry = find(id); entry != nullptr && entry->channel != nullptr) --connected_;
  pending_.erase(id);
  fleet_.erase(id);
}

void DeviceServer::set_approval(DeviceEntry& entry, const std::string& approval) {
  entry.row.approval = approval;
  const auto id = transport::DeviceId::parse(entry.row.id);
  if (!id) return;
  if (approval == "pending")
    pending_.insert(*id);
  else
    pending_.erase(*id);
  if (approval == "approved" && !entry.row.address.empty()) known_addresses_.insert(entry.row.address);
}

// Unless another device that was let in is there.
void DeviceServer::forget_address(const std::string& address) {
  const bool used = std::any_of(fleet_.begin(), fleet_.end(), [&](const auto& known) {
    return known.second.row.approval == "approved" && known.second.row.address == address;
  });
  if (!used) known_addresses_.erase(address);
}

PendingDevices DeviceServer::pending_devices() const {
  PendingDevices list;
  for (const auto& id : pending_)
    if (const auto found = fleet_.find(id); found != fleet_.end()) list.push_back(&*found);
  return list;
}

void DeviceServer::forget_later(DeviceEntry& entry) {
  entry.left = Clock::now();
  const auto id = transport::DeviceId::parse(entry.row.id);
  if (id && entry.row.approval != "pending") absent_.emplace_back(entry.left, *id);
  if (absent_.size() == 1) drop_absent_devices();
}

void DeviceServer::drop_absent_devices() {
  const auto now = Clock::now();
  while (!absent_.empty() && absent_.front().first + absence <= now) {
    const auto id = absent_.front().second;
    absent_.pop_front();
    const auto* entry = find(id);
    // Who was back meanwhile stands further behind, if it left again.
    if (entry == nullptr || entry->channel != nullptr || entry->left + absence > now) continue;
    if (entry->row.approval == "pending" || unsaved_.contains(id)) continue;
    erase(id);
  }
  if (absent_.empty() || stopping_) return;
  absence_timer_.expires_at(absent_.front().first + absence);
  absence_timer_.async_wait([this](asio::error_code error) {
    if (!error) drop_absent_devices();
  });
}

asio::awaitable<Result<void>> DeviceServer::apply_changes() {
  const auto before = last_change_;
  auto applied = co_await apply_changes_behind_last();
  if (!applied) last_change_ = std::min(last_change_, before);  // looked at again
  co_return applied;
}

asio::awaitable<Result<void>> DeviceServer::apply_changes_behind_last() {
  const auto changes = co_await repository_.changes_since(last_change_);
  if (!changes) co_return tl::unexpected(changes.error());
  bool library = false;
  bool settings = false;
  bool every_device = false;
  bool rollouts = false;
  bool integrations = false;
  bool lists = false;
  std::vector<transport::DeviceId> ids;
  for (const auto& change : *changes) {
    last_change_ = std::max(last_change_, change.revision);
    library |= change.subject == store::subject::modules;
    settings |= change.subject == store::subject::settings;
    rollouts |= change.subject == store::subject::rollouts;
    integrations |= change.subject == store::subject::integrations;
    every_device |= change.subject == store::subject::every_device;
    const auto id = transport::DeviceId::parse(change.subject);
    if (id && find(*id) != nullptr) ids.push_back(*id);
    lists |= id && find(*id) == nullptr;
  }
  if (every_device) {
    ids.clear();
    for (const auto& [id, entry] : fleet_) ids.push_back(id);
  }
  if (rollouts) rollouts_.wake();
  if (integrations) integrations_changed_.tell();
  if (library)
    if (const auto loaded = co_await reload_library(); !loaded) co_return loaded;
  const bool was_paused = paused_;
  if (settings)
    if (const auto loaded = co_await reload_settings(); !loaded) co_return loaded;
  for (std::size_t at = 0; at < ids.size(); at += devices_at_once) {
    const auto end = std::min(at + devices_at_once, ids.size());
    std::vector<transport::DeviceId> some(
        ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(end));
    if (const auto loaded = co_await reload_devices(std::move(some)); !loaded) co_return loaded;
  }
  if (library || every_device || paused_ != was_paused) restate_absent();
  if (lists || !ids.empty()) mark_membership_changed();
  co_return Result<void>{};
}

// The folder of a machine that shares its library holds copies. Who sends one now has it in memory.
void DeviceServer::remove_copies(const firmware::Library& before, const firmware::Library& now) {
  for (const auto* module : before.all())
    if (now.find(module->sha256) == nullptr) (void)services_.files.remove(module->sha256);
}

// A device that has what it should gets nothing else because a file came or went: only others are planned anew.
asio::awaitable<Result<void>> DeviceServer::reload_library() {
  std::function<firmware::Library(store::Database&)> load = store::load_library;
  auto library = co_await services_.writer.read<firmware::Library>(std::move(load));
  if (!library) co_return tl::unexpected(library.error());
  const auto platforms = changed_platforms(library_, *library);
  if (services_.node != 0) remove_copies(library_, *library);
  library_ = std::move(*library);
  // Files that were repaired are the same in the library: whom they are for waits, and is no longer blocked by them.
  interrupt_where([&](const DeviceEntry& entry) {
    const auto& standing = entry.policy.targets.standing;
    const bool may_want_it = !entry.plan.current() || (standing && standing->kind != planning::TargetKind::needs);
    return entry.row.state == "blocked" || (platforms.contains(entry.row.platform) && may_want_it);
  });
  mark_membership_changed();
  co_return Result<void>{};
}

asio::awaitable<Result<void>> DeviceServer::reload_settings() {
  std::function<bool(store::Database&)> load = commands::is_paused;
  const auto paused = co_await services_.writer.read<bool>(std::move(load));
  if (!paused) co_return tl::unexpected(paused.error());
  if (std::exchange(paused_, *paused) == *paused) co_return Result<void>{};
  interrupt_where([](const DeviceEntry&) { return true; });
  mark_membership_changed();
  co_return Result<void>{};
}

asio::awaitable<Result<void>> DeviceServer::reload_devices(std::vector<transport::DeviceId> ids) {
  std::vector<std::string> texts;
  for (const auto& id : ids) texts.push_back(id.text());
  auto decided = co_await repository_.load_decided(std::move(texts));
  if (!decided) co_return tl::unexpected(decided.error());
  for (auto& one : *decided)
    if (const auto id = transport::DeviceId::parse(one.device_id)) apply(*id, std::move(one));
  co_return Result<void>{};
}

// People change name, approval, keys and what is said of its updates; the rest is fresher in memory.
void DeviceServer::apply(const transport::DeviceId& id, DeviceRepository::Decided decided) {
  auto* entry = find(id);
  if (entry == nullptr) return;
  if (!decided.row) {
    if (!entry->stored) return;  // so new that it was not stored yet when we looked
    const auto address = entry->row.address;
    if (entry->channel != nullptr) entry->channel->close();
    erase(id);
    forget_address(address);
    return;
  }
  auto& row = *decided.row;
  set_approval(*entry, row.approval);
  entry->row.name = std::move(row.name);
  entry->row.notes = std::move(row.notes);
  entry->row.group = std::move(row.group);
  entry->row.held = row.held;
  entry->row.forced = row.forced;
  // What was not written yet is fresher here.
  if (entry->channel == nullptr && !row.connected && !unsaved_.contains(id)) {
    entry->row.state = std::move(row.state);
    entry->row.state_words = std::move(row.state_words);
  }
  const bool other_key = entry->row.public_key != row.public_key && !same_key(entry->row.public_key, row.public_key);
  entry->row.public_key = std::move(row.public_key);
  entry->row.changed_key = std::move(row.changed_key);
  if (other_key) entry->changed_key_budget = TokenBucket{limits::changed_key_rate};  // whoever comes next is news
  if (entry->policy.rollout != decided.policy.rollout) entry->heard_in = -1;
  entry->policy = std::move(decided.policy);
  entry->stored = true;
  mark_changed(*entry);
  if (entry->channel == nullptr) return;
  if (entry->row.approval == "refused") {
    forget_address(entry->row.address);
    entry->channel->close();
  } else if (other_key) {
    entry->channel->close();  // it has proved that it has the key from before
  } else {
    entry->device->interrupt();
  }
}

void DeviceServer::release_wanted(const std::vector<std::string>& device_ids) {
  std::vector<std::string> idle;
  for (const auto& text : device_ids) {
    const auto id = transport::DeviceId::parse(text);
    auto* entry = id ? find(*id) : nullptr;
    if (entry == nullptr || entry->channel == nullptr) {
      if (!id || !let_go_session_ || !let_go_session_(*id)) idle.push_back(text);
      continue;
    }
    log::info("{}: it came to another machine", text);
    track_replacement(*entry);
    entry->channel->close();
  }
  if (!idle.empty()) repository_.release_unused(std::move(idle), services_.node);
}

void DeviceServer::release_unused(const transport::DeviceId& device) {
  const auto* entry = find(device);
  if (entry == nullptr || entry->channel == nullptr) repository_.release_unused({device.text()}, services_.node);
}

void DeviceServer::interrupt_where(const std::function<bool(const DeviceEntry&)>& concerned) {
  for (auto& [id, entry] : fleet_)
    if (entry.device && concerned(entry)) entry.device->interrupt();
}

}  // namespace drydock::server
