#include "store/updates.hpp"

#include "store/statement.hpp"

#include "base/limits.hpp"
#include "store/changes.hpp"

#include <algorithm>

namespace drydock::store {
namespace {

constexpr const char* step_columns =
    "id, device_id, update_number, function, module_index, version, sha256, suffix_sha256, from_version, reason, "
    "state, "
    "bytes_total, bytes_acknowledged, planned_at, started_at, finished_at, error, confirmed";

constexpr int no_version = -1;
constexpr std::int64_t sends_milliseconds = std::chrono::milliseconds(planning::sends_window).count();

int version_or_none(std::optional<std::uint16_t> version) {
  return version ? *version : no_version;
}

StepRow read_step(Statement& s) {
  StepRow row;
  row.id = s.integer(0);
  row.device_id = s.text(1);
  row.update_number = s.integer(2);
  row.key = {static_cast<firmware::Function>(s.integer(3)), s.integer<std::uint8_t>(4)};
  row.version = s.integer<std::uint16_t>(5);
  row.sha256 = s.text(6);
  row.suffix_sha256 = s.text(7);
  if (const int from = s.integer<int>(8); from != no_version) row.from_version = static_cast<std::uint16_t>(from);
  row.reason = s.text(9);
  row.state = s.text(10);
  row.bytes_total = s.integer<std::uint32_t>(11);
  row.bytes_acknowledged = s.integer<std::uint32_t>(12);
  row.planned_at = s.integer(13);
  row.started_at = s.integer(14);
  row.finished_at = s.integer(15);
  row.error = s.text(16);
  row.confirmed = s.boolean(17);
  return row;
}

std::int64_t running_update(Database& db, const std::string& device_id, std::int64_t now) {
  Statement find(db, "SELECT update_number FROM updates WHERE device_id = ? AND state = 'running'");
  find.bind(1, device_id);
  if (find.step()) return find.integer(0);
  Statement add(db,
      "INSERT INTO updates (device_id, update_number, state, started_at) "
      "SELECT CAST(? AS TEXT), coalesce(max(update_number), 0) + 1, 'running', CAST(? AS BIGINT) FROM updates WHERE "
      "device_id = ? RETURNING "
      "update_number");
  add.bind(1, device_id);
  add.bind(2, now);
  add.bind(3, device_id);
  add.step();
  const auto number = add.integer(0);
  add.execute_rest();
  return number;
}

// Years of updates must not fill the card: the oldest steps go, and the updates that have none left.
void trim(Database& db, const std::string& device_id) {
  Statement steps(db,
      "DELETE FROM update_steps WHERE device_id = ?1 AND state IN ('verified', 'failed', 'superseded') AND id <= "
      "(SELECT id FROM update_steps WHERE device_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)");
  steps.bind(1, device_id);
  steps.bind(2, limits::steps_per_device);
  if (steps.execute() == 0) return;
  Statement updates(db,
      "DELETE FROM updates WHERE device_id = ?1 AND state != 'running' AND update_number < "
      "(SELECT min(update_number) FROM update_steps WHERE device_id = ?1)");
  updates.bind(1, device_id);
  updates.execute();
}

void finish_step(Database& db, std::int64_t id, const char* state, const std::string& error, std::int64_t now) {
  Statement s(db, "UPDATE update_steps SET state = ?, error = ?, finished_at = ? WHERE id = ?");
  s.bind(1, state);
  s.bind(2, error);
  s.bind(3, now);
  s.bind(4, id);
  s.execute();
}

}  // namespace

std::optional<StepRow> step_in_flight(Database& db, const std::string& device_id) {
  Statement s(db,
      std::string("SELECT ") + step_columns +
          " FROM update_steps WHERE device_id = ? AND state IN ('sending', 'sent') ORDER BY id DESC LIMIT 1");
  s.bind(1, device_id);
  if (!s.step()) return std::nullopt;
  return read_step(s);
}

std::optional<StepRow> step_to_judge(Database& db, const std::string& device_id) {
  if (auto step = step_in_flight(db, device_id)) return step;
  Statement s(db,
      std::string("SELECT ") + step_columns +
          " FROM update_steps WHERE device_id = ? AND state IN ('verified', 'failed') ORDER BY id DESC LIMIT 1");
  s.bind(1, device_id);
  if (!s.step()) return std::nullopt;
  auto step = read_step(s);
  if (step.state != "failed") return std::nullopt;
  return step;
}

std::size_t verified_steps(Database& db, const std::string& device_id) {
  Statement s(db,
      "SELECT count(*) FROM update_steps s JOIN updates u ON u.device_id = s.device_id AND u.update_number = "
      "s.update_number WHERE s.device_id = ? AND u.state = 'running' AND s.state = 'verified'");
  s.bind(1, device_id);
  return s.step() ? static_cast<std::size_t>(s.integer(0)) : 0;
}

void mark_verified(Database& db, const StepRow& step, std::int64_t now) {
  finish_step(db, step.id, "verified", "", now);
  Statement bytes(db, "UPDATE update_steps SET bytes_acknowledged = bytes_total WHERE id = ?");
  bytes.bind(1, step.id);
  bytes.execute();
  Statement s(db, "DELETE FROM attempts WHERE device_id = ? AND sha256 = ?");
  s.bind(1, step.device_id);
  s.bind(2, step.sha256);
  s.execute();
}

void mark_failed(Database& db, const StepRow& step, const std::string& error, std::int64_t now) {
  finish_step(db, step.id, "failed", error, now);
  Statement s(db, "UPDATE attempts SET last_error = ? WHERE device_id = ? AND sha256 = ? AND from_version = ?");
  s.bind(1, error);
  s.bind(2, step.device_id);
  s.bind(3, step.sha256);
  s.bind(4, version_or_none(step.from_version));
  s.execute();
}

void take_back_attempt(Database& db, const StepRow& step) {
  Statement s(db,
      "UPDATE attempts SET count = CASE WHEN count > 0 THEN count - 1 ELSE 0 END, last_started = 0 WHERE device_id = ? "
      "AND sha256 = ? AND "
      "from_version = ?");
  s.bind(1, step.device_id);
  s.bind(2, step.sha256);
  s.bind(3, version_or_none(step.from_version));
  s.execute();
}

void record_plan(
    Database& db, const std::string& device_id, const std::vector<planning::Step>& plan, std::int64_t now) {
  const auto number = running_update(db, device_id, now);
  std::vector<StepRow> rows;
  {
    Statement s(db,
        std::string("SELECT ") + step_columns +
            " FROM update_steps WHERE device_id = ? AND state = 'planned' ORDER BY id");
    s.bind(1, device_id);
    while (s.step()) rows.push_back(read_step(s));
  }
  const bool unchanged = std::equal(
      rows.begin(), rows.end(), plan.begin(), plan.end(), [&](const StepRow& row, const planning::Step& step) {
        return row.update_number == number && row.sha256 == step.module.sha256 && row.from_version == step.from_version;
      });
  if (unchanged) return;
  for (const auto& row : rows) finish_step(db, row.id, "superseded", "", now);
  Statement add(db,
      "INSERT INTO update_steps (device_id, update_number, function, module_index, version, sha256, suffix_sha256, "
      "from_version, "
      "reason, state, bytes_total, planned_at) VALUES (?,?,?,?,?,?,?,?,?,'planned',?,?)");
  for (const auto& step : plan) {
    add.reset();
    add.bind(1, device_id);
    add.bind(2, number);
    add.bind(3, static_cast<int>(step.module.key.function));
    add.bind(4, step.module.key.index);
    add.bind(5, step.module.version);
    add.bind(6, step.module.sha256);
    add.bind(7, step.module.suffix_sha256);
    add.bind(8, version_or_none(step.from_version));
    add.bind(9, step.reason);
    add.bind(10, step.module.size);
    add.bind(11, now);
    add.execute();
  }
  trim(db, device_id);
}

std::int64_t begin_step(
    Database& db, const std::string& device_id, const planning::Step& step, std::int64_t now, std::int64_t running) {
  Statement s(db,
      "UPDATE update_steps SET state = 'sending', started_at = ?, bytes_acknowledged = 0 WHERE id = "
      "(SELECT min(id) FROM update_steps WHERE device_id = ? AND state = 'planned' AND sha256 = ?) RETURNING id");
  s.bind(1, now);
  s.bind(2, device_id);
  s.bind(3, step.module.sha256);
  if (!s.step()) throw StoreError("a step was begun that was never planned");
  const auto id = s.integer(0);
  s.execute_rest();
  Statement count(db,
      "INSERT INTO attempts (device_id, sha256, from_version, count, last_started, last_error) VALUES (?,?,?,1,?,'no "
      "result yet') "
      "ON CONFLICT (device_id, sha256, from_version) DO UPDATE SET count = attempts.count + 1, last_started = "
      "excluded.last_started");
  count.bind(1, device_id);
  count.bind(2, step.module.sha256);
  count.bind(3, version_or_none(step.from_version));
  count.bind(4, running);
  count.execute();
  // A clock that went back, as after the loss of what was written last, begins the day anew and keeps the count.
  Statement sends(db,
      "INSERT INTO sends (device_id, sha256, began, count) VALUES (?1,?2,?3,1) ON CONFLICT (device_id, sha256) DO "
      "UPDATE "
      "SET count = CASE WHEN excluded.began - sends.began >= ?4 THEN 1 ELSE sends.count + 1 END, began = CASE WHEN "
      "excluded.began - sends.began >= ?4 OR excluded.began < sends.began THEN excluded.began ELSE sends.began END");
  sends.bind(1, device_id);
  sends.bind(2, step.module.sha256);
  sends.bind(3, running);
  sends.bind(4, sends_milliseconds);
  sends.execute();
  return id;
}

void record_progress(Database& db, std::int64_t step_id, std::uint32_t bytes) {
  Statement s(db, "UPDATE update_steps SET bytes_acknowledged = ? WHERE id = ? AND bytes_acknowledged < ?");
  s.bind(1, bytes);
  s.bind(2, step_id);
  s.bind(3, bytes);
  s.execute();
}

void mark_sent(Database& db, std::int64_t step_id, bool confirmed, std::int64_t now) {
  Statement s(db,
      "UPDATE update_steps SET state = 'sent', confirmed = ?, bytes_acknowledged = bytes_total, finished_at = ? WHERE "
      "id = ? AND state = 'sending'");
  s.bind(1, confirmed ? 1 : 0);
  s.bind(2, now);
  s.bind(3, step_id);
  s.execute();
}

void end_update(
    Database& db, const std::string& device_id, const std::string& state, const std::string& words, std::int64_t now) {
  Statement steps(
      db, "UPDATE update_steps SET state = 'superseded', finished_at = ? WHERE device_id = ? AND state = 'planned'");
  steps.bind(1, now);
  steps.bind(2, device_id);
  steps.execute();
  Statement s(db, "UPDATE updates SET state = ?, words = ?, finished_at = ? WHERE device_id = ? AND state = 'running'");
  s.bind(1, state);
  s.bind(2, words);
  s.bind(3, now);
  s.bind(4, device_id);
  s.execute();
  // A step cut short may have arrived after all, and then its attempt is nobody's to settle.
  if (state == "done") clear_attempts(db, device_id);
}

planning::Attempts load_attempts(
    Database& db, const std::string& device_id, const planning::Step& step, std::int64_t running) {
  Statement s(db,
      "SELECT count, last_started, last_error FROM attempts WHERE device_id = ? AND sha256 = ? AND from_version = ?");
  s.bind(1, device_id);
  s.bind(2, step.module.sha256);
  s.bind(3, version_or_none(step.from_version));
  planning::Attempts attempts;
  if (s.step()) {
    attempts.count = s.integer<int>(0);
    attempts.last_started = s.integer(1);
    attempts.last_error = s.text(2);
  }
  Statement sends(db, "SELECT count FROM sends WHERE device_id = ? AND sha256 = ? AND ? - began < ?");
  sends.bind(1, device_id);
  sends.bind(2, step.module.sha256);
  sends.bind(3, running);
  sends.bind(4, sends_milliseconds);
  if (sends.step()) attempts.recent_sends = sends.integer<int>(0);
  return attempts;
}

void clear_attempts(Database& db, const std::string& device_id) {
  Statement s(db, "DELETE FROM attempts WHERE device_id = ?");
  s.bind(1, device_id);
  s.execute();
}

void allow_again(Database& db, const std::string& device_id) {
  clear_attempts(db, device_id);
  Statement s(db, "DELETE FROM sends WHERE device_id = ?");
  s.bind(1, device_id);
  s.execute();
  note_change(db, device_id);
}

void allow_all_again(Database& db) {
  for (const auto* table : {"attempts", "sends"})
    db.connection().execute(std::string("DELETE FROM ") + table +
        " WHERE device_id IN (SELECT id FROM devices WHERE approval = 'approved')");
  note_change(db, subject::every_device);
}

bool is_needed(Database& db, const std::string& sha256) {
  Statement s(db,
      "SELECT EXISTS (SELECT 1 FROM goals WHERE sha256 = ?1) OR EXISTS (SELECT 1 FROM updates JOIN update_steps USING "
      "(device_id, update_number) WHERE updates.state = 'running' AND update_steps.sha256 = ?1 AND update_steps.state "
      "IN "
      "('planned', 'sending', 'sent')) OR EXISTS (SELECT 1 FROM release_modules WHERE sha256 = ?1) OR EXISTS (SELECT 1 "
      "FROM rollout_previous p JOIN devices d ON d.id = p.device_id JOIN modules m ON m.platform = d.platform AND "
      // Most devices name no hash of system parts.
      "(m.suffix_sha256 = p.suffix_sha256 OR (p.suffix_sha256 = '' AND m.function = p.function AND m.module_index = "
      "p.module_index AND m.version = p.version)) JOIN rollouts r ON r.id = p.rollout_id WHERE "
      "m.sha256 = ?1 AND r.stage != 'reverted' AND NOT EXISTS (SELECT 1 FROM rollout_devices n WHERE n.device_id = "
      "p.device_id AND n.rollout_id > p.rollout_id AND n.stage != 'waiting'))");
  s.bind(1, sha256);
  s.step();
  return s.boolean(0);
}

std::vector<std::string> devices_with_running_update(Database& db) {
  Statement s(db, "SELECT device_id FROM updates WHERE state = 'running'");
  std::vector<std::string> ids;
  while (s.step()) ids.push_back(s.text(0));
  return ids;
}

std::vector<StepRow> recent_steps(Database& db, const std::string& device_id, int limit) {
  Statement s(
      db, std::string("SELECT ") + step_columns + " FROM update_steps WHERE device_id = ? ORDER BY id DESC LIMIT ?");
  s.bind(1, device_id);
  s.bind(2, limit);
  std::vector<StepRow> rows;
  while (s.step()) rows.push_back(read_step(s));
  return rows;
}

}  // namespace drydock::store
