#include "store/rollouts.hpp"

#include "store/changes.hpp"
#include "store/statement.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <map>
#include <set>

namespace drydock::store {
namespace {

using planning::DeviceStage;
using planning::RolloutDevice;

constexpr const char* rollout_columns =
    "id, release_name, created, waves, soak, lost_after, failure_percent, failures, restarts, at_once, per_minute, "
    "stage, wave, words, forgiven";

// One that stopped has devices under way still: what becomes of them is seen.
constexpr const char* under_way = "('running', 'paused', 'stopped', 'reverting')";

RolloutRow read_rollout(Statement& s) {
  RolloutRow row;
  row.id = s.integer(0);
  row.release = s.text(1);
  row.created = s.integer(2);
  auto& rules = row.rollout.rules;
  if (auto waves = planning::parse_waves(s.text(3))) rules.waves = std::move(*waves);
  rules.soak = s.integer(4);
  rules.lost_after = s.integer(5);
  rules.failure_percent = s.integer<unsigned>(6);
  rules.failures = s.integer<unsigned>(7);
  rules.restarts = s.integer<unsigned>(8);
  rules.at_once = s.integer<unsigned>(9);
  rules.per_minute = s.integer<unsigned>(10);
  row.rollout.stage = planning::rollout_stage(s.text(11));
  row.rollout.wave = s.integer<std::size_t>(12);
  row.rollout.words = s.text(13);
  row.rollout.forgiven = s.integer<std::size_t>(14);
  return row;
}

void save_device(Database& db, std::int64_t rollout, const RolloutDevice& device, std::size_t position) {
  Statement s(db,
      "INSERT INTO rollout_devices (rollout_id, device_id, position, stage, canary, wave, begun_at, verified_at, "
      "well_since, away_since, reconnections, restarts, words) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT "
      "(rollout_id, device_id) DO UPDATE SET stage = excluded.stage, wave = excluded.wave, begun_at = "
      "excluded.begun_at, verified_at = excluded.verified_at, well_since = excluded.well_since, away_since = "
      "excluded.away_since, reconnections = excluded.reconnections, restarts = excluded.restarts, words = "
      "excluded.words");
  s.bind(1, rollout);
  s.bind(2, device.id);
  s.bind(3, position);
  s.bind(4, planning::stage_name(device.stage));
  s.bind(5, device.canary ? 1 : 0);
  s.bind(6, device.wave);
  s.bind(7, device.begun_at);
  s.bind(8, device.verified_at);
  s.bind(9, device.well_since);
  s.bind(10, device.away_since);
  s.bind(11, device.reconnections);
  s.bind(12, device.restarts);
  s.bind(13, device.words);
  s.execute();
}

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

}  // namespace

std::int64_t add_rollout(Database& db, const RolloutRow& row) {
  const auto& [rules, stage, wave, words, forgiven, devices] = row.rollout;
  Statement s(db,
      "INSERT INTO rollouts (release_name, created, waves, soak, lost_after, failure_percent, failures, restarts, "
      "at_once, per_minute, stage, wave, words, forgiven) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id");
  s.bind(1, row.release);
  s.bind(2, row.created);
  s.bind(3, planning::wave_words(rules.waves));
  s.bind(4, rules.soak);
  s.bind(5, rules.lost_after);
  s.bind(6, rules.failure_percent);
  s.bind(7, rules.failures);
  s.bind(8, rules.restarts);
  s.bind(9, rules.at_once);
  s.bind(10, rules.per_minute);
  s.bind(11, planning::stage_name(stage));
  s.bind(12, wave);
  s.bind(13, words);
  s.bind(14, forgiven);
  s.step();
  const auto id = s.integer(0);
  s.execute_rest();
  for (std::size_t i = 0; i < devices.size(); ++i) save_device(db, id, devices[i], i);
  note_change(db, subject::rollouts);
  return id;
}

std::optional<RolloutRow> load_rollout(Database& db, std::int64_t id) {
  Statement s(db, std::string("SELECT ") + rollout_columns + " FROM rollouts WHERE id = ?");
  s.bind(1, id);
  if (!s.step()) return std::nullopt;
  auto row = read_rollout(s);
  Statement d(db,
      "SELECT r.device_id, r.stage, r.canary, r.wave, r.begun_at, r.verified_at, r.well_since, r.away_since, "
      "r.reconnections, r.restarts, r.words, d.name FROM rollout_devices r JOIN devices d ON d.id = r.device_id WHERE "
      "r.rollout_id = ? ORDER BY r.position");
  d.bind(1, id);
  while (d.step()) {
    RolloutDevice device;
    device.id = d.text(0);
    device.stage = planning::device_stage(d.text(1));
    device.canary = d.boolean(2);
    device.wave = d.integer<std::size_t>(3);
    device.begun_at = d.integer(4);
    device.verified_at = d.integer(5);
    device.well_since = d.integer(6);
    device.away_since = d.integer(7);
    device.reconnections = d.integer(8);
    device.restarts = d.integer<unsigned>(9);
    device.words = d.text(10);
    row.rollout.devices.push_back(std::move(device));
    row.names.push_back(d.text(11));
  }
  return row;
}

std::vector<RolloutRow> load_rollouts(Database& db, int limit) {
  Statement s(db, std::string("SELECT ") + rollout_columns + " FROM rollouts ORDER BY id DESC LIMIT ?");
  s.bind(1, limit);
  std::vector<RolloutRow> rows;
  while (s.step()) rows.push_back(read_rollout(s));
  return rows;
}

std::vector<std::int64_t> rollouts_under_way(Database& db) {
  Statement s(db, fmt::format("SELECT id FROM rollouts WHERE stage IN {} ORDER BY id", under_way));
  std::vector<std::int64_t> ids;
  while (s.step()) ids.push_back(s.integer(0));
  return ids;
}

std::optional<std::int64_t> rollout_under_way_of(Database& db, const std::string& device_id) {
  Statement s(db,
      fmt::format("SELECT r.id FROM rollouts r JOIN rollout_devices d ON d.rollout_id = r.id WHERE d.device_id = ? AND "
                  "r.stage IN {} ORDER BY r.id LIMIT 1",
          under_way));
  s.bind(1, device_id);
  if (!s.step()) return std::nullopt;
  return s.integer(0);
}

std::optional<std::int64_t> newer_rollout(Database& db, std::int64_t id) {
  Statement s(db,
      fmt::format("SELECT n.rollout_id FROM rollout_devices n JOIN rollout_devices o ON o.device_id = n.device_id JOIN "
                  "rollouts r ON r.id = n.rollout_id WHERE o.rollout_id = ? AND n.rollout_id > o.rollout_id AND "
                  "o.stage != 'waiting' AND (n.stage != 'waiting' OR r.stage IN {}) LIMIT 1",
          under_way));
  s.bind(1, id);
  if (!s.step()) return std::nullopt;
  return s.integer(0);
}

std::vector<std::pair<std::string, firmware::ModuleKey>> previous_without_file(Database& db, std::int64_t id) {
  Statement s(db,
      "SELECT p.device_id, p.function, p.module_index FROM rollout_previous p JOIN devices d ON d.id = p.device_id "
      "WHERE "
      "p.rollout_id = ? AND NOT EXISTS (SELECT 1 FROM modules m WHERE m.platform = d.platform AND m.suffix_sha256 = "
      "p.suffix_sha256)");
  s.bind(1, id);
  std::vector<std::pair<std::string, firmware::ModuleKey>> list;
  while (s.step())
    list.emplace_back(
        s.text(0), firmware::ModuleKey{static_cast<firmware::Function>(s.integer(1)), s.integer<std::uint8_t>(2)});
  return list;
}

bool is_rolled_out(Database& db, const std::string& release) {
  Statement s(db, "SELECT 1 FROM rollouts WHERE release_name = ? LIMIT 1");
  s.bind(1, release);
  return s.step();
}

void save_rollout(Database& db, const RolloutRow& row) {
  Statement s(db, "UPDATE rollouts SET stage = ?, wave = ?, words = ?, forgiven = ? WHERE id = ?");
  s.bind(1, planning::stage_name(row.rollout.stage));
  s.bind(2, row.rollout.wave);
  s.bind(3, row.rollout.words);
  s.bind(4, row.rollout.forgiven);
  s.bind(5, row.id);
  s.execute();
  note_change(db, subject::rollouts);
}

void save_rollout_devices(Database& db, const RolloutRow& row, const std::vector<RolloutDevice>& before) {
  for (std::size_t i = 0; i < row.rollout.devices.size(); ++i) {
    const auto& device = row.rollout.devices[i];
    if (device == before[i]) continue;
    save_device(db, row.id, device, i);
    // Its target is another now.
    if (device.stage != before[i].stage) note_change(db, device.id);
  }
}

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

std::vector<planning::Standing> load_standings(Database& db, const RolloutRow& row) {
  struct Known {
    planning::Standing standing;
    std::uint16_t platform = 0;
    std::vector<Slot> modules;
    std::vector<Slot> previous;
  };
  std::map<std::string, Known> known;
  Statement d(db,
      "SELECT d.id, d.connected, d.reconnections, d.safe_mode, d.state, d.state_words, d.platform, EXISTS (SELECT 1 "
      "FROM "
      "update_steps u WHERE u.device_id = d.id AND u.started_at >= ?) FROM devices d "
      "JOIN rollout_devices r ON r.device_id = d.id WHERE r.rollout_id = ?");
  d.bind(1, row.created);
  d.bind(2, row.id);
  while (d.step()) {
    auto& one = known[d.text(0)];
    one.standing.connected = d.boolean(1);
    one.standing.reconnections = d.integer(2);
    one.standing.safe_mode = d.boolean(3);
    if (const auto state = d.text(4); state == "parked" || state == "blocked") one.standing.given_up = d.text(5);
    one.platform = d.integer<std::uint16_t>(6);
    one.standing.was_sent = d.boolean(7);
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

  const auto release = load_release(db, row.release);
  std::map<std::uint16_t, std::vector<Slot>> wanted;
  std::vector<planning::Standing> standings;
  for (const auto& device : row.rollout.devices) {
    auto& one = known[device.id];
    auto [slots, fresh] = wanted.try_emplace(one.platform);
    if (fresh && release) slots->second = slots_of(release->modules, one.platform);
    const auto all = [&](const std::vector<Slot>& list) {
      return std::all_of(list.begin(), list.end(), [&](const Slot& slot) { return has(one.modules, slot); });
    };
    one.standing.has_release = !slots->second.empty() && all(slots->second);
    one.standing.has_previous = all(one.previous);
    standings.push_back(std::move(one.standing));
  }
  return standings;
}

std::vector<planning::Target> rollout_targets(Database& db, const std::string& device_id) {
  Statement s(db,
      "SELECT r.rollout_id, r.stage, o.release_name, d.platform FROM rollout_devices r JOIN rollouts o ON o.id = "
      "r.rollout_id JOIN devices d ON d.id = r.device_id WHERE r.device_id = ? AND r.stage != 'waiting' ORDER BY "
      "r.rollout_id DESC LIMIT 1");
  s.bind(1, device_id);
  if (!s.step()) return {};
  const auto rollout = s.integer(0);
  const auto stage = planning::device_stage(s.text(1));
  const auto release_name = s.text(2);
  const auto platform = s.integer<std::uint16_t>(3);
  s.execute_rest();
  std::vector<planning::Target> targets;
  switch (stage) {
    case DeviceStage::begun:
    case DeviceStage::soaking:
    case DeviceStage::healthy: {
      const auto release = load_release(db, release_name);
      if (!release) break;
      for (const auto& file : release->modules)
        if (file.platform == platform && !file.asset)
          for (auto& target : planning::targets_of(file)) targets.push_back(std::move(target));
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
  return targets;
}

}  // namespace drydock::store
