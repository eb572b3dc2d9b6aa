// Devices on their way in a rollout: how each is, and what it is to have.
#include "store/policies.hpp"
#include "store/rollouts.hpp"
#include "store/statement.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace drydock::store {
namespace {

using planning::DeviceStage;

// A slot of a device, what is in it, and whether that is this file.
struct Slot {
  firmware::ModuleKey key;
  std::uint16_t version = 0;
  std::string suffix_sha256;
  bool operator<(const Slot& other) const { return key < other.key; }
};

// As the planner has it: other builds of a system part are as good, of an application they are not.
bool has(const std::vector<Slot>& modules, const Slot& wanted) {
  const bool any_build =
      wanted.key.function != firmware::Function::user_part && wanted.key.function != firmware::Function::monolithic;
  return std::any_of(modules.begin(), modules.end(), [&](const Slot& have) {
    return have.key == wanted.key && have.version == wanted.version &&
        (any_build || have.suffix_sha256.empty() || wanted.suffix_sha256.empty() ||
            have.suffix_sha256 == wanted.suffix_sha256);
  });
}

std::vector<Slot> slots_of(const std::vector<firmware::LibraryModule>& files, std::uint16_t platform) {
  std::vector<Slot> slots;
  for (const auto& file : files) {
    if (file.platform != platform || file.asset) continue;
    for (const auto& member : file.members()) slots.push_back({member.key, member.version, member.suffix_sha256});
  }
  return slots;
}

Slot read_slot(Statement& s, int at) {
  return {{static_cast<firmware::Function>(s.integer(at)), s.integer<std::uint8_t>(at + 1)},
      s.integer<std::uint16_t>(at + 2), s.text(at + 3)};
}

// Of the devices that wait, those that got something newer than the release by other ways.
std::vector<std::string> devices_with_newer(Database& db, const RolloutRow& row) {
  Statement s(db,
      "SELECT DISTINCT m.device_id FROM rollout_devices r JOIN devices d ON d.id = r.device_id JOIN device_modules m "
      "ON "
      "m.device_id = r.device_id AND m.store = 'main' JOIN release_modules f ON f.release_name = ?1 JOIN modules l ON "
      "l.sha256 = f.sha256 AND l.platform = d.platform AND l.function = m.function AND l.module_index = m.module_index "
      "WHERE r.rollout_id = ?2 AND r.stage = 'waiting' AND m.version > l.version");
  s.bind(1, row.release);
  s.bind(2, row.id);
  std::vector<std::string> ids;
  while (s.step()) ids.push_back(s.text(0));
  return ids;
}

}  // namespace

void save_previous_modules(Database& db, std::int64_t rollout, const std::string& device_id,
    const std::vector<firmware::LibraryModule>& release) {
  std::set<firmware::ModuleKey> slots;
  for (const auto& file : release)
    for (const auto& member : file.members()) slots.insert(member.key);
  Statement s(
      db, "SELECT function, module_index, version, sha256 FROM device_modules WHERE device_id = ? AND store = 'main'");
  s.bind(1, device_id);
  std::vector<Slot> modules;
  while (s.step())
    if (auto slot = read_slot(s, 0); slots.contains(slot.key)) modules.push_back(std::move(slot));
  for (const auto& module : modules) {
    Statement insert(db,
        "INSERT INTO rollout_previous (rollout_id, device_id, function, module_index, version, suffix_sha256) VALUES "
        "(?,?,?,?,?,?) ON CONFLICT DO NOTHING");
    insert.bind(1, rollout);
    insert.bind(2, device_id);
    insert.bind(3, static_cast<int>(module.key.function));
    insert.bind(4, module.key.index);
    insert.bind(5, module.version);
    insert.bind(6, module.suffix_sha256);
    insert.execute();
  }
}

std::vector<planning::Standing> load_standings(Database& db, const RolloutRow& row, std::int64_t utc_now) {
  struct Known {
    planning::Standing standing;
    PolicySubject subject;
    std::vector<Slot> modules;
    std::vector<Slot> previous;
  };
  std::map<std::string, Known> known;
  Statement d(db,
      "SELECT d.id, d.connected, d.reconnections, d.safe_mode, d.state, d.state_words, d.platform, d.group_name, "
      "EXISTS (SELECT 1 FROM update_steps u WHERE u.device_id = d.id AND u.started_at >= ?) FROM devices d JOIN "
      "rollout_devices r ON r.device_id = d.id WHERE r.rollout_id = ?");
  d.bind(1, row.created);
  d.bind(2, row.id);
  while (d.step()) {
    auto& one = known[d.text(0)];
    one.standing.connected = d.boolean(1);
    one.standing.reconnections = d.integer(2);
    one.standing.safe_mode = d.boolean(3);
    if (const auto state = d.text(4); state == "parked" || state == "blocked") one.standing.given_up = d.text(5);
    one.subject = {d.text(0), d.text(7), d.integer<std::uint16_t>(6)};
    one.standing.was_sent = d.boolean(8);
  }
  Statement m(db,
      "SELECT m.device_id, m.function, m.module_index, m.version, m.sha256 FROM device_modules m JOIN rollout_devices "
      "r "
      "ON r.device_id = m.device_id WHERE r.rollout_id = ? AND r.stage NOT IN ('waiting', 'failed') AND m.store = "
      "'main'");
  m.bind(1, row.id);
  while (m.step()) known[m.text(0)].modules.push_back(read_slot(m, 1));
  Statement p(db,
      "SELECT device_id, function, module_index, version, suffix_sha256 FROM rollout_previous WHERE rollout_id = ?");
  p.bind(1, row.id);
  while (p.step()) known[p.text(0)].previous.push_back(read_slot(p, 1));

  if (!row.rollout.rules.downgrade)
    for (const auto& id : devices_with_newer(db, row)) known[id].standing.has_newer = true;
  const Policies policies(db);
  const bool rollout_open = planning::is_open(row.rollout.rules.window, utc_now);
  const auto release = load_release(db, row.release);
  std::map<std::uint16_t, std::vector<Slot>> wanted;
  std::vector<planning::Standing> standings;
  for (const auto& device : row.rollout.devices) {
    auto& one = known[device.id];
    auto [slots, fresh] = wanted.try_emplace(one.subject.platform);
    if (fresh && release) slots->second = slots_of(release->modules, one.subject.platform);
    const auto all = [&](const std::vector<Slot>& list) {
      return std::all_of(list.begin(), list.end(), [&](const Slot& slot) { return has(one.modules, slot); });
    };
    one.standing.has_release = !slots->second.empty() && all(slots->second);
    one.standing.has_previous = all(one.previous);
    const bool heeds_hours = device.stage == DeviceStage::waiting && !row.rollout.rules.forced;
    const auto* window = heeds_hours ? policies.window(one.subject) : nullptr;
    one.standing.may_begin = rollout_open && (window == nullptr || planning::is_open(window->window, utc_now));
    standings.push_back(std::move(one.standing));
  }
  return standings;
}

RolloutOrders load_rollout_orders(Database& db, const std::string& device_id) {
  Statement s(db,
      "SELECT r.rollout_id, r.stage, o.release_name, d.platform, o.stage, o.bytes_per_second, o.hours, o.time_zone, "
      "o.blackout FROM rollout_devices r JOIN rollouts o ON o.id = "
      "r.rollout_id JOIN devices d ON d.id = r.device_id WHERE r.device_id = ? AND r.stage != 'waiting' ORDER BY "
      "r.rollout_id DESC LIMIT 1");
  s.bind(1, device_id);
  RolloutOrders orders;
  if (!s.step()) return orders;
  const auto rollout = orders.id = s.integer(0);
  const auto stage = planning::device_stage(s.text(1));
  const auto release_name = s.text(2);
  const auto platform = s.integer<std::uint16_t>(3);
  const auto whole = planning::rollout_stage(s.text(4));
  if (whole != planning::RolloutStage::done && whole != planning::RolloutStage::reverted) {
    orders.bytes_per_second = s.integer<std::uint64_t>(5);
    orders.window = {s.text(6), s.text(7), s.text(8)};
  }
  s.execute_rest();
  auto& targets = orders.targets;
  switch (stage) {
    case DeviceStage::begun:
    case DeviceStage::soaking:
    case DeviceStage::healthy: {
      if (const auto release = load_release(db, release_name))
        targets = planning::targets_of(release->modules, platform);
      break;
    }
    case DeviceStage::reverting:
    case DeviceStage::reverted: {
      Statement p(db,
          "SELECT p.function, p.module_index, p.version, p.suffix_sha256, m.sha256 FROM rollout_previous p LEFT JOIN "
          "modules m ON m.suffix_sha256 = p.suffix_sha256 AND m.platform = ? WHERE p.rollout_id = ? AND p.device_id = "
          "? "
          "ORDER BY p.function, p.module_index");
      p.bind(1, platform);
      p.bind(2, rollout);
      p.bind(3, device_id);
      while (p.step()) {
        const auto slot = read_slot(p, 0);
        if (targets.empty() || targets.back().key != slot.key) targets.push_back({slot.key, slot.version, p.text(4)});
      }
      break;
    }
    case DeviceStage::waiting:
    case DeviceStage::failed: break;
  }
  return orders;
}

}  // namespace drydock::store
