#include "store/devices.hpp"

#include "store/changes.hpp"
#include "store/dependencies_json.hpp"
#include "store/device_columns.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <array>

namespace drydock::store {
namespace {

Bytes blob(const SQLite::Column& column) {
  const auto* data = static_cast<const std::uint8_t*>(column.getBlob());
  return data ? Bytes(data, data + column.getBytes()) : Bytes();
}

void bind_blob(SQLite::Statement& s, int at, const Bytes& bytes) {
  if (bytes.empty())
    s.bind(at);
  else
    s.bind(at, bytes.data(), static_cast<int>(bytes.size()));
}

constexpr std::array store_names{"main", "factory", "backup", "scratchpad", "other"};

firmware::StoreLocation store_of(const std::string& name) {
  for (std::size_t i = 0; i < store_names.size(); ++i)
    if (name == store_names[i]) return static_cast<firmware::StoreLocation>(i);
  return firmware::StoreLocation::other;
}

}  // namespace

DeviceRow read_device(SQLite::Statement& s) {
  DeviceRow row;
  row.id = s.getColumn(0).getString();
  row.name = s.getColumn(1).getString();
  row.approval = s.getColumn(2).getString();
  row.public_key = blob(s.getColumn(3));
  row.platform = static_cast<std::uint16_t>(s.getColumn(4).getInt());
  row.product_id = static_cast<std::uint16_t>(s.getColumn(5).getInt());
  row.product_version = static_cast<std::uint16_t>(s.getColumn(6).getInt());
  row.system_version = static_cast<std::uint16_t>(s.getColumn(7).getInt());
  row.hello_flags = static_cast<std::uint16_t>(s.getColumn(8).getInt());
  row.address = s.getColumn(9).getString();
  row.connected = s.getColumn(10).getInt() != 0;
  row.first_seen = s.getColumn(11).getInt64();
  row.last_seen = s.getColumn(12).getInt64();
  row.safe_mode = s.getColumn(13).getInt() != 0;
  if (!s.getColumn(14).isNull()) row.updates_enabled = s.getColumn(14).getInt() != 0;
  row.state = s.getColumn(15).getString();
  row.state_words = s.getColumn(16).getString();
  row.application = s.getColumn(17).getString();
  row.changed_key = blob(s.getColumn(18));
  row.changed_key_seen = s.getColumn(19).getInt64();
  row.held = s.getColumn(20).getInt() != 0;
  row.enrolled = s.getColumn(21).getInt64();
  row.forced = s.getColumn(22).getInt() != 0;
  return row;
}

std::vector<DeviceRow> load_devices(Database& db) {
  SQLite::Statement s(db.sql(), std::string("SELECT ") + device_columns + " FROM devices ORDER BY first_seen, id");
  std::vector<DeviceRow> rows;
  while (s.executeStep()) rows.push_back(read_device(s));
  return rows;
}

std::vector<DeviceRow> load_pending_devices(Database& db) {
  SQLite::Statement s(db.sql(),
      std::string("SELECT ") + device_columns +
          " FROM devices WHERE shown_state IN ('awaiting_approval', 'unknown_key') "
          "AND approval = 'pending' ORDER BY first_seen, id");
  std::vector<DeviceRow> rows;
  while (s.executeStep()) rows.push_back(read_device(s));
  return rows;
}

std::vector<std::string> approved_addresses(Database& db) {
  SQLite::Statement s(db.sql(), "SELECT DISTINCT address FROM devices WHERE approval = 'approved' AND address != ''");
  std::vector<std::string> addresses;
  while (s.executeStep()) addresses.push_back(s.getColumn(0).getString());
  return addresses;
}

std::int64_t count_all_devices(Database& db) {
  return db.sql().execAndGet("SELECT count(*) FROM devices").getInt64();
}

std::optional<DeviceRow> load_device(Database& db, const std::string& id) {
  SQLite::Statement s(db.sql(), std::string("SELECT ") + device_columns + " FROM devices WHERE id = ?");
  s.bind(1, id);
  if (!s.executeStep()) return std::nullopt;
  return read_device(s);
}

void add_device(Database& db, const DeviceRow& row) {
  SQLite::Statement s(db.sql(),
      "INSERT OR IGNORE INTO devices (id, name, approval, public_key, platform, first_seen, last_seen, enrolled) "
      "VALUES (?,?,?,?,?,?,?,?)");
  s.bind(1, row.id);
  s.bind(2, row.name);
  s.bind(3, row.approval);
  bind_blob(s, 4, row.public_key);
  s.bind(5, row.platform);
  s.bind(6, row.first_seen);
  s.bind(7, row.last_seen);
  s.bind(8, row.enrolled);
  s.exec();
  update_device(db, row);
}

void update_device(Database& db, const DeviceRow& row) {
  SQLite::Statement s(db.sql(),
      "UPDATE devices SET platform = ?, product_id = ?, product_version = ?, system_version = ?, hello_flags = ?, "
      "address = ?, connected = ?, "
      "last_seen = ?, safe_mode = ?, updates_enabled = ?, state = ?, state_words = ?, application = ? WHERE id = ?");
  s.bind(1, row.platform);
  s.bind(2, row.product_id);
  s.bind(3, row.product_version);
  s.bind(4, row.system_version);
  s.bind(5, row.hello_flags);
  s.bind(6, row.address);
  s.bind(7, row.connected ? 1 : 0);
  s.bind(8, row.last_seen);
  s.bind(9, row.safe_mode ? 1 : 0);
  if (row.updates_enabled)
    s.bind(10, *row.updates_enabled ? 1 : 0);
  else
    s.bind(10);
  s.bind(11, row.state);
  s.bind(12, row.state_words);
  s.bind(13, row.application);
  s.bind(14, row.id);
  s.exec();
}

void set_approval(Database& db, const std::string& id, const std::string& approval) {
  SQLite::Statement s(db.sql(), "UPDATE devices SET approval = ? WHERE id = ?");
  s.bind(1, approval);
  s.bind(2, id);
  s.exec();
  note_change(db, id);
}

void set_held(Database& db, const std::string& id, bool held) {
  SQLite::Statement s(db.sql(), "UPDATE devices SET held = ? WHERE id = ?");
  s.bind(1, held ? 1 : 0);
  s.bind(2, id);
  s.exec();
  note_change(db, id);
}

void set_forced(Database& db, const std::string& id, bool forced) {
  SQLite::Statement s(db.sql(), "UPDATE devices SET forced = ? WHERE id = ?");
  s.bind(1, forced ? 1 : 0);
  s.bind(2, id);
  s.exec();
  note_change(db, id);
}

void set_name(Database& db, const std::string& id, const std::string& name) {
  SQLite::Statement s(db.sql(), "UPDATE devices SET name = ? WHERE id = ?");
  s.bind(1, name);
  s.bind(2, id);
  s.exec();
  note_change(db, id);
}

void note_changed_key(Database& db, const std::string& id, const Bytes& key, std::int64_t at) {
  SQLite::Statement s(db.sql(), "UPDATE devices SET changed_key = ?, changed_key_seen = ? WHERE id = ?");
  bind_blob(s, 1, key);
  s.bind(2, at);
  s.bind(3, id);
  s.exec();
}

bool accept_changed_key(Database& db, const std::string& id) {
  SQLite::Statement s(db.sql(),
      "UPDATE devices SET public_key = changed_key, changed_key = NULL, changed_key_seen = 0 WHERE id = ? AND "
      "changed_key IS NOT NULL");
  s.bind(1, id);
  note_change(db, id);
  return s.exec() != 0;
}

bool forget_device(Database& db, const std::string& id) {
  SQLite::Statement history(db.sql(), "DELETE FROM history WHERE device_id = ?");
  history.bind(1, id);
  history.exec();
  SQLite::Statement s(db.sql(), "DELETE FROM devices WHERE id = ?");
  s.bind(1, id);
  note_change(db, id);
  return s.exec() != 0;
}

int forget_pending_devices(Database& db) {
  db.sql().exec("INSERT OR REPLACE INTO changes (subject) SELECT id FROM devices WHERE approval = 'pending'");
  db.sql().exec("DELETE FROM history WHERE device_id IN (SELECT id FROM devices WHERE approval = 'pending')");
  return db.sql().exec("DELETE FROM devices WHERE approval = 'pending'");
}

void mark_all_disconnected(Database& db) {
  db.sql().exec("UPDATE devices SET connected = 0 WHERE connected = 1");
}

void save_modules(Database& db, const std::string& id, const std::vector<firmware::InstalledModule>& modules) {
  if (load_modules(db, id) == modules) return;
  SQLite::Statement clear(db.sql(), "DELETE FROM device_modules WHERE device_id = ?");
  clear.bind(1, id);
  clear.exec();
  SQLite::Statement s(db.sql(),
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
    s.exec();
  }
}

std::vector<firmware::InstalledModule> load_modules(Database& db, const std::string& id) {
  SQLite::Statement s(db.sql(),
      "SELECT function, module_index, version, store, max_size, checked, passed, sha256, dependencies "
      "FROM device_modules WHERE device_id = ? ORDER BY position");
  s.bind(1, id);
  std::vector<firmware::InstalledModule> modules;
  while (s.executeStep()) {
    firmware::InstalledModule m;
    m.key = {
        static_cast<firmware::Function>(s.getColumn(0).getInt()), static_cast<std::uint8_t>(s.getColumn(1).getInt())};
    m.version = static_cast<std::uint16_t>(s.getColumn(2).getInt());
    m.store = store_of(s.getColumn(3).getString());
    m.max_size = s.getColumn(4).getUInt();
    m.checked = s.getColumn(5).getUInt();
    m.passed = s.getColumn(6).getUInt();
    m.sha256 = s.getColumn(7).getString();
    m.dependencies = dependencies_from_json(s.getColumn(8).getString());
    modules.push_back(std::move(m));
  }
  return modules;
}

void save_target(Database& db, const std::string& id, const planning::Target& target) {
  SQLite::Statement s(
      db.sql(), "INSERT OR REPLACE INTO goals (device_id, function, module_index, version, sha256) VALUES (?,?,?,?,?)");
  s.bind(1, id);
  s.bind(2, static_cast<int>(target.key.function));
  s.bind(3, target.key.index);
  s.bind(4, target.version);
  s.bind(5, target.sha256);
  s.exec();
  note_change(db, id);
}

void clear_targets(Database& db, const std::string& id) {
  SQLite::Statement s(db.sql(), "DELETE FROM goals WHERE device_id = ?");
  s.bind(1, id);
  s.exec();
  note_change(db, id);
}

std::vector<planning::Target> load_targets(Database& db, const std::string& id) {
  SQLite::Statement s(db.sql(),
      "SELECT function, module_index, version, sha256 FROM goals WHERE device_id = ? ORDER BY function, module_index");
  s.bind(1, id);
  std::vector<planning::Target> targets;
  while (s.executeStep()) {
    planning::Target target;
    target.key = {
        static_cast<firmware::Function>(s.getColumn(0).getInt()), static_cast<std::uint8_t>(s.getColumn(1).getInt())};
    target.version = static_cast<std::uint16_t>(s.getColumn(2).getInt());
    target.sha256 = s.getColumn(3).getString();
    targets.push_back(std::move(target));
  }
  return targets;
}

}  // namespace drydock::store
