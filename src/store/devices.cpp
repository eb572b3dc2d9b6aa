#include "store/devices.hpp"

#include "store/statement.hpp"

#include "store/changes.hpp"
#include "store/dependencies_json.hpp"
#include "store/device_columns.hpp"
#include "store/ownership.hpp"

#include <algorithm>
#include <array>

namespace drydock::store {
namespace {

void bind_or_null(Statement& s, int at, const Bytes& bytes) {
  if (bytes.empty())
    s.bind_null(at);
  else
    s.bind(at, bytes);
}

constexpr std::array store_names{"main", "factory", "backup", "scratchpad", "other"};

firmware::StoreLocation store_of(const std::string& name) {
  for (std::size_t i = 0; i < store_names.size(); ++i)
    if (name == store_names[i]) return static_cast<firmware::StoreLocation>(i);
  return firmware::StoreLocation::other;
}

}  // namespace

DeviceRow read_device(Statement& s) {
  DeviceRow row;
  row.id = s.text(0);
  row.name = s.text(1);
  row.approval = s.text(2);
  row.public_key = s.bytes(3);
  row.platform = s.integer<std::uint16_t>(4);
  row.product_id = s.integer<std::uint16_t>(5);
  row.product_version = s.integer<std::uint16_t>(6);
  row.system_version = s.integer<std::uint16_t>(7);
  row.hello_flags = s.integer<std::uint16_t>(8);
  row.address = s.text(9);
  row.connected = s.boolean(10);
  row.first_seen = s.integer(11);
  row.last_seen = s.integer(12);
  row.safe_mode = s.boolean(13);
  if (!s.is_null(14)) row.updates_enabled = s.boolean(14);
  row.state = s.text(15);
  row.state_words = s.text(16);
  row.application = s.text(17);
  row.changed_key = s.bytes(18);
  row.changed_key_seen = s.integer(19);
  row.held = s.boolean(20);
  row.enrolled = s.integer(21);
  row.forced = s.boolean(22);
  row.node = s.is_null(23) ? 0 : s.integer(23);
  row.epoch = s.integer(24);
  row.wanted_by = s.is_null(25) ? 0 : s.integer(25);
  row.notes = s.text(26);
  row.reconnections = s.integer(27);
  row.group = s.text(28);
  return row;
}

std::vector<DeviceRow> load_devices(Database& db) {
  Statement s(db, std::string("SELECT ") + device_columns + " FROM devices ORDER BY first_seen, id");
  std::vector<DeviceRow> rows;
  while (s.step()) rows.push_back(read_device(s));
  return rows;
}

std::vector<DeviceRow> load_pending_devices(Database& db) {
  Statement s(db,
      std::string("SELECT ") + device_columns +
          " FROM devices WHERE shown_state IN ('awaiting_approval', 'unknown_key') "
          "AND approval = 'pending' ORDER BY first_seen, id");
  std::vector<DeviceRow> rows;
  while (s.step()) rows.push_back(read_device(s));
  return rows;
}

std::vector<DeviceRow> load_absent_devices(Database& db, const std::string& after, int limit) {
  Statement s(db,
      std::string("SELECT ") + device_columns +
          " FROM devices WHERE id > ? AND approval = 'approved' AND connected = 0 ORDER BY id LIMIT ?");
  s.bind(1, after);
  s.bind(2, limit);
  std::vector<DeviceRow> rows;
  while (s.step()) rows.push_back(read_device(s));
  return rows;
}

void set_absent_state(Database& db, const std::string& id, const std::string& state, const std::string& words) {
  Statement s(db, "UPDATE devices SET state = ?, state_words = ? WHERE id = ? AND connected = 0");
  s.bind(1, state);
  s.bind(2, words);
  s.bind(3, id);
  s.execute();
}

std::vector<std::string> device_ids(Database& db) {
  Statement s(db, "SELECT id FROM devices ORDER BY id");
  std::vector<std::string> ids;
  while (s.step()) ids.push_back(s.text(0));
  return ids;
}

std::vector<std::string> approved_addresses(Database& db) {
  Statement s(db, "SELECT DISTINCT address FROM devices WHERE approval = 'approved' AND address != ''");
  std::vector<std::string> addresses;
  while (s.step()) addresses.push_back(s.text(0));
  return addresses;
}

std::int64_t count_all_devices(Database& db) {
  return query_integer(db, "SELECT count(*) FROM devices");
}

std::optional<DeviceRow> load_device(Database& db, const std::string& id) {
  Statement s(db, std::string("SELECT ") + device_columns + " FROM devices WHERE id = ?");
  s.bind(1, id);
  if (!s.step()) return std::nullopt;
  return read_device(s);
}

std::optional<std::string> find_device_named(Database& db, const std::string& name) {
  Statement s(db, "SELECT id FROM devices WHERE name = ? ORDER BY id LIMIT 1");
  s.bind(1, name);
  if (!s.step()) return std::nullopt;
  return s.text(0);
}

void add_device(Database& db, const DeviceRow& row) {
  Statement s(db,
      "INSERT INTO devices (id, name, approval, public_key, platform, first_seen, last_seen, enrolled, node, epoch) "
      "VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING");
  s.bind(1, row.id);
  s.bind(2, row.name);
  s.bind(3, row.approval);
  bind_or_null(s, 4, row.public_key);
  s.bind(5, row.platform);
  s.bind(6, row.first_seen);
  s.bind(7, row.last_seen);
  s.bind(8, row.enrolled);
  if (row.node == 0)
    s.bind_null(9);
  else
    s.bind(9, row.node);
  s.bind(10, row.epoch);
  s.execute();
  require_ownership(db, row.id, {row.node, row.epoch});
  update_device(db, row);
}

void update_device(Database& db, const DeviceRow& row) {
  Statement s(db,
      "UPDATE devices SET platform = ?, product_id = ?, product_version = ?, system_version = ?, hello_flags = ?, "
      "address = ?, connected = ?, "
      "last_seen = ?, safe_mode = ?, updates_enabled = ?, state = ?, state_words = ?, application = ?, "
      "reconnections = ? WHERE id = ?");
  s.bind(1, row.platform);
  s.bind(2, row.product_id);
  s.bind(3, row.product_version);
  s.bind(4, row.system_version);
  s.bind(5, row.hello_flags);
  s.bind(6, row.address);
  s.bind(7, row.connected ? 1 : 0);
  s.bind(8, row.last_seen);
  s.bind(9, row.safe_mode ? 1 : 0);
  s.bind(10, row.updates_enabled);
  s.bind(11, row.state);
  s.bind(12, row.state_words);
  s.bind(13, row.application);
  s.bind(14, row.reconnections);
  s.bind(15, row.id);
  s.execute();
}

void set_approval(Database& db, const std::string& id, const std::string& approval) {
  Statement s(db, "UPDATE devices SET approval = ? WHERE id = ?");
  s.bind(1, approval);
  s.bind(2, id);
  s.execute();
  note_change(db, id);
}

void set_held(Database& db, const std::string& id, bool held) {
  Statement s(db, "UPDATE devices SET held = ? WHERE id = ?");
  s.bind(1, held ? 1 : 0);
  s.bind(2, id);
  s.execute();
  note_change(db, id);
}

void set_forced(Database& db, const std::string& id, bool forced) {
  Statement s(db, "UPDATE devices SET forced = ? WHERE id = ?");
  s.bind(1, forced ? 1 : 0);
  s.bind(2, id);
  s.execute();
  note_change(db, id);
}

namespace {

void set_text(Database& db, const std::string& id, const char* column, const std::string& text) {
  Statement s(db, std::string("UPDATE devices SET ") + column + " = ? WHERE id = ?");
  s.bind(1, text);
  s.bind(2, id);
  s.execute();
  note_change(db, id);
}

}  // namespace

void set_name(Database& db, const std::string& id, const std::string& name) {
  set_text(db, id, "name", name);
}

void set_notes(Database& db, const std::string& id, const std::string& notes) {
  set_text(db, id, "notes", notes);
}

void set_group(Database& db, const std::string& id, const std::string& group) {
  set_text(db, id, "group_name", group);
}

void set_public_key(Database& db, const std::string& id, const Bytes& key) {
  // A session that another key began is nobody's any more.
  Statement sessions(db, "DELETE FROM dtls_sessions WHERE device_id = ? AND client_key <> ?");
  sessions.bind(1, id);
  sessions.bind(2, key);
  sessions.execute();
  Statement s(db, "UPDATE devices SET public_key = ?, changed_key = NULL, changed_key_seen = 0 WHERE id = ?");
  s.bind(1, key);
  s.bind(2, id);
  s.execute();
  note_change(db, id);
}

void note_changed_key(Database& db, const std::string& id, const Bytes& key, std::int64_t at) {
  Statement s(db, "UPDATE devices SET changed_key = ?, changed_key_seen = ? WHERE id = ?");
  bind_or_null(s, 1, key);
  s.bind(2, at);
  s.bind(3, id);
  s.execute();
}

void dismiss_changed_key(Database& db, const std::string& id) {
  Statement s(db, "UPDATE devices SET changed_key = NULL, changed_key_seen = 0 WHERE id = ?");
  s.bind(1, id);
  s.execute();
  note_change(db, id);
}

bool accept_changed_key(Database& db, const std::string& id) {
  Statement s(db,
      "UPDATE devices SET public_key = changed_key, changed_key = NULL, changed_key_seen = 0 WHERE id = ? AND "
      "changed_key IS NOT NULL");
  s.bind(1, id);
  note_change(db, id);
  return s.execute() != 0;
}

bool forget_device(Database& db, const std::string& id) {
  Statement history(db, "DELETE FROM history WHERE device_id = ?");
  history.bind(1, id);
  history.execute();
  Statement policy(db, "DELETE FROM update_policies WHERE scope = 'device' AND subject = ?");
  policy.bind(1, id);
  policy.execute();
  Statement s(db, "DELETE FROM devices WHERE id = ?");
  s.bind(1, id);
  note_change(db, id);
  return s.execute() != 0;
}

int forget_pending_devices(Database& db) {
  order_changes(db);
  db.connection().execute(
      "INSERT INTO changes (revision, subject) SELECT (SELECT coalesce(max(revision), 0) FROM changes) + row_number() "
      "OVER (ORDER BY id), id FROM devices WHERE approval = 'pending' ON CONFLICT (subject) DO UPDATE SET revision = "
      "excluded.revision");
  db.connection().execute("DELETE FROM history WHERE device_id IN (SELECT id FROM devices WHERE approval = 'pending')");
  return static_cast<int>(db.connection().execute("DELETE FROM devices WHERE approval = 'pending'"));
}

void save_modules(Database& db, const std::string& id, const std::vector<firmware::InstalledModule>& modules) {
  if (load_modules(db, id) == modules) return;
  Statement clear(db, "DELETE FROM device_modules WHERE device_id = ?");
  clear.bind(1, id);
  clear.execute();
  Statement s(db,
      "INSERT INTO device_modules (device_id, position, function, module_index, version, store, max_size, checked, "
      "passed, sha256, dependencies) "
      "VALUES (?,?,?,?,?,?,?,?,?,?,?)");
  int position = 0;
  for (const auto& m : modules) {
    s.reset();
    s.bind(1, id);
    s.bind(2, position++);
    s.bind(3, static_cast<int>(m.key.function));
    s.bind(4, m.key.index);
    s.bind(5, m.version);
    s.bind(6, store_names[static_cast<std::size_t>(m.store)]);
    s.bind(7, m.max_size);
    s.bind(8, m.checked);
    s.bind(9, m.passed);
    s.bind(10, m.sha256);
    s.bind(11, dependencies_to_json(m.dependencies));
    s.execute();
  }
}

std::vector<firmware::InstalledModule> load_modules(Database& db, const std::string& id) {
  Statement s(db,
      "SELECT function, module_index, version, store, max_size, checked, passed, sha256, dependencies "
      "FROM device_modules WHERE device_id = ? ORDER BY position");
  s.bind(1, id);
  std::vector<firmware::InstalledModule> modules;
  while (s.step()) {
    firmware::InstalledModule m;
    m.key = {static_cast<firmware::Function>(s.integer(0)), s.integer<std::uint8_t>(1)};
    m.version = s.integer<std::uint16_t>(2);
    m.store = store_of(s.text(3));
    m.max_size = s.integer<std::uint32_t>(4);
    m.checked = s.integer<std::uint32_t>(5);
    m.passed = s.integer<std::uint32_t>(6);
    m.sha256 = s.text(7);
    m.dependencies = dependencies_from_json(s.text(8));
    modules.push_back(std::move(m));
  }
  return modules;
}

void save_target(Database& db, const std::string& id, const planning::Target& target) {
  Statement s(db,
      "INSERT INTO goals (device_id, function, module_index, version, sha256) VALUES (?,?,?,?,?) ON CONFLICT "
      "(device_id, function, module_index) DO UPDATE SET version = excluded.version, sha256 = excluded.sha256");
  s.bind(1, id);
  s.bind(2, static_cast<int>(target.key.function));
  s.bind(3, target.key.index);
  s.bind(4, target.version);
  s.bind(5, target.sha256);
  s.execute();
  note_change(db, id);
}

void clear_targets(Database& db, const std::string& id) {
  Statement s(db, "DELETE FROM goals WHERE device_id = ?");
  s.bind(1, id);
  s.execute();
  note_change(db, id);
}

std::vector<planning::Target> load_own_targets(Database& db, const std::string& id) {
  Statement s(db,
      "SELECT function, module_index, version, sha256 FROM goals WHERE device_id = ? ORDER BY function, module_index");
  s.bind(1, id);
  std::vector<planning::Target> targets;
  while (s.step()) {
    planning::Target target;
    target.key = {static_cast<firmware::Function>(s.integer(0)), s.integer<std::uint8_t>(1)};
    target.version = s.integer<std::uint16_t>(2);
    target.sha256 = s.text(3);
    targets.push_back(std::move(target));
  }
  return targets;
}

}  // namespace drydock::store
