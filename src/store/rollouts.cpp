#include "store/rollouts.hpp"

#include "store/changes.hpp"
#include "store/statement.hpp"

#include <fmt/core.h>

namespace drydock::store {
namespace {

using planning::DeviceStage;
using planning::RolloutDevice;

constexpr const char* rollout_columns =
    "id, release_name, created, waves, soak, lost_after, failure_percent, failures, restarts, at_once, per_minute, "
    "stage, wave, words, forgiven, downgrade, forced, bytes_per_second, hours, time_zone, blackout, health_event";

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
  rules.downgrade = s.boolean(15);
  rules.forced = s.boolean(16);
  rules.bytes_per_second = s.integer<std::uint64_t>(17);
  rules.window = {s.text(18), s.text(19), s.text(20)};
  rules.health_event = s.text(21);
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

}  // namespace

std::int64_t add_rollout(Database& db, const RolloutRow& row) {
  const auto& [rules, stage, wave, words, forgiven, devices] = row.rollout;
  Statement s(db,
      "INSERT INTO rollouts (release_name, created, waves, soak, lost_after, failure_percent, failures, restarts, "
      "at_once, per_minute, stage, wave, words, forgiven, downgrade, forced, bytes_per_second, hours, time_zone, "
      "blackout, health_event) "
      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id");
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
  s.bind(15, rules.downgrade ? 1 : 0);
  s.bind(16, rules.forced ? 1 : 0);
  s.bind(17, rules.bytes_per_second);
  s.bind(18, rules.window.hours);
  s.bind(19, rules.window.time_zone);
  s.bind(20, rules.window.blackout);
  s.bind(21, rules.health_event);
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
      "r.reconnections, r.restarts, r.words, d.name, d.state_words FROM rollout_devices r JOIN devices d ON d.id = "
      "r.device_id WHERE "
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
    const bool under_way_now = device.stage == DeviceStage::begun || device.stage == DeviceStage::reverting;
    row.states.push_back(under_way_now ? d.text(12) : "");
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

std::vector<RolloutRow> load_stopped_rollouts(Database& db) {
  Statement s(db, std::string("SELECT ") + rollout_columns + " FROM rollouts WHERE stage = 'stopped' ORDER BY id");
  std::vector<RolloutRow> rows;
  while (s.step()) rows.push_back(read_rollout(s));
  return rows;
}

std::map<std::string, std::int64_t> count_rollouts(Database& db) {
  Statement s(db, "SELECT stage, count(*) FROM rollouts GROUP BY stage");
  std::map<std::string, std::int64_t> counts;
  using planning::RolloutStage;
  for (const auto stage : {RolloutStage::running, RolloutStage::paused, RolloutStage::stopped, RolloutStage::done,
           RolloutStage::aborted, RolloutStage::reverting, RolloutStage::reverted})
    counts[std::string(planning::stage_name(stage))] = 0;
  while (s.step()) counts[s.text(0)] = s.integer(1);
  return counts;
}

std::vector<RolloutDeviceCount> count_rollout_devices(Database& db, int latest) {
  Statement s(db,
      fmt::format("SELECT r.id, r.release_name, d.stage, count(*) FROM (SELECT id, release_name FROM rollouts WHERE "
                  "stage IN {} ORDER BY id DESC LIMIT ?1) r JOIN rollout_devices d ON d.rollout_id = r.id GROUP BY "
                  "r.id, r.release_name, d.stage ORDER BY r.id, d.stage",
          under_way));
  s.bind(1, latest);
  std::vector<RolloutDeviceCount> counts;
  while (s.step()) counts.push_back({s.integer(0), s.text(1), s.text(2), s.integer(3)});
  return counts;
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

std::optional<std::int64_t> older_rollout(Database& db, std::int64_t id) {
  Statement s(db,
      "SELECT o.rollout_id FROM rollout_devices o JOIN rollout_devices n ON o.device_id = n.device_id WHERE "
      "n.rollout_id "
      "= ? AND o.rollout_id < n.rollout_id AND o.stage != 'waiting' AND n.stage != 'waiting' ORDER BY o.rollout_id "
      "LIMIT "
      "1");
  s.bind(1, id);
  if (!s.step()) return std::nullopt;
  return s.integer(0);
}

std::vector<PreviousModule> load_previous_modules(Database& db, std::int64_t id) {
  Statement s(db,
      "SELECT p.device_id, d.platform, p.function, p.module_index, p.version, p.suffix_sha256 FROM rollout_previous p "
      "JOIN devices d ON d.id = p.device_id WHERE p.rollout_id = ?");
  s.bind(1, id);
  std::vector<PreviousModule> list;
  while (s.step()) {
    PreviousModule module;
    module.device_id = s.text(0);
    module.platform = s.integer<std::uint16_t>(1);
    module.module.key = {static_cast<firmware::Function>(s.integer(2)), s.integer<std::uint8_t>(3)};
    module.module.version = s.integer<std::uint16_t>(4);
    module.module.suffix_sha256 = s.text(5);
    list.push_back(std::move(module));
  }
  return list;
}

bool is_rolled_out(Database& db, const std::string& release) {
  Statement s(db, "SELECT 1 FROM rollouts WHERE release_name = ? LIMIT 1");
  s.bind(1, release);
  return s.step();
}

void save_rollout(Database& db, const RolloutRow& row) {
  Statement s(db, "UPDATE rollouts SET stage = ?, wave = ?, words = ?, forgiven = ?, forced = ? WHERE id = ?");
  s.bind(1, planning::stage_name(row.rollout.stage));
  s.bind(2, row.rollout.wave);
  s.bind(3, row.rollout.words);
  s.bind(4, row.rollout.forgiven);
  s.bind(5, row.rollout.rules.forced ? 1 : 0);
  s.bind(6, row.id);
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

bool remove_rollout(Database& db, std::int64_t id) {
  Statement concerned(db, "SELECT device_id FROM rollout_devices WHERE rollout_id = ? AND stage <> 'waiting'");
  concerned.bind(1, id);
  std::vector<std::string> devices;
  while (concerned.step()) devices.push_back(concerned.text(0));
  Statement s(db, fmt::format("DELETE FROM rollouts WHERE id = ? AND stage NOT IN {}", under_way));
  s.bind(1, id);
  if (s.execute() == 0) return false;
  note_change(db, subject::rollouts);
  for (const auto& device : devices) note_change(db, device);  // their targets are others now
  return true;
}

}  // namespace drydock::store
