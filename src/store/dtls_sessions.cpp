#include "store/dtls_sessions.hpp"

#include "store/statement.hpp"

namespace drydock::store {
namespace {

constexpr const char* select =
    "SELECT id, device_id, keys, uses_connection_id, client_key, leased, received_next, received_seen, address, port, "
    "memo FROM dtls_sessions";

std::vector<DtlsSessionRow> read_rows(Statement& s) {
  std::vector<DtlsSessionRow> rows;
  while (s.step()) {
    DtlsSessionRow row;
    row.id = s.bytes(0);
    row.device_id = s.text(1);
    row.keys = s.bytes(2);
    row.uses_connection_id = s.boolean(3);
    row.client_key = s.bytes(4);
    row.reserved = s.integer<std::uint64_t>(5);
    row.received_next = s.integer<std::uint64_t>(6);
    row.received_seen = s.integer<std::uint64_t>(7);
    row.address = s.text(8);
    row.port = s.integer<std::uint16_t>(9);
    row.hello_payload = s.bytes(10);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

void save_dtls_session(Database& db, const DtlsSessionRow& row, std::int64_t now) {
  Statement older(db, "DELETE FROM dtls_sessions WHERE device_id = ? AND id <> ?");
  older.bind(1, row.device_id);
  older.bind(2, row.id);
  older.execute();

  Statement s(db,
      "INSERT INTO dtls_sessions (id, device_id, keys, uses_connection_id, client_key, leased, received_next, "
      "received_seen, address, port, memo, updated) "
      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET leased = CASE WHEN dtls_sessions.leased > "
      "excluded.leased THEN dtls_sessions.leased ELSE excluded.leased END, received_seen = CASE WHEN "
      "excluded.received_next < dtls_sessions.received_next THEN dtls_sessions.received_seen ELSE "
      "excluded.received_seen END, received_next = CASE WHEN excluded.received_next < dtls_sessions.received_next THEN "
      "dtls_sessions.received_next ELSE excluded.received_next END, address = excluded.address, port = excluded.port, "
      "memo = excluded.memo, updated = excluded.updated");
  s.bind(1, row.id);
  s.bind(2, row.device_id);
  s.bind(3, row.keys);
  s.bind(4, row.uses_connection_id ? 1 : 0);
  s.bind(5, row.client_key);
  s.bind(6, static_cast<std::int64_t>(row.reserved));
  s.bind(7, static_cast<std::int64_t>(row.received_next));
  s.bind(8, static_cast<std::int64_t>(row.received_seen));
  s.bind(9, row.address);
  s.bind(10, row.port);
  s.bind(11, row.hello_payload);
  s.bind(12, now);
  s.execute();
}

bool has_dtls_session(Database& db, const std::string& device_id) {
  Statement s(db, "SELECT 1 FROM dtls_sessions WHERE device_id = ?");
  s.bind(1, device_id);
  return s.step();
}

void forget_dtls_session(Database& db, const Bytes& id, std::int64_t node) {
  Statement s(db,
      "DELETE FROM dtls_sessions WHERE id = ?1 AND (CAST(?2 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM devices WHERE "
      "devices.id = dtls_sessions.device_id AND devices.node = ?2))");
  s.bind(1, id);
  s.bind(2, node);
  s.execute();
}

bool is_reserved_beyond(Database& db, const Bytes& id, std::uint64_t reserved) {
  Statement s(db, "SELECT 1 FROM dtls_sessions WHERE id = ? AND leased > ?");
  s.bind(1, id);
  s.bind(2, static_cast<std::int64_t>(reserved));
  return s.step();
}

void forget_all_dtls_sessions(Database& db) {
  db.connection().execute("DELETE FROM dtls_sessions");
}

std::vector<DtlsSessionRow> load_and_reserve_dtls_sessions(Database& db, std::uint64_t reservation) {
  Statement s(db, select);
  auto rows = read_rows(s);
  Statement raise(db, "UPDATE dtls_sessions SET leased = leased + ?");
  raise.bind(1, static_cast<std::int64_t>(reservation));
  raise.execute();
  return rows;
}

std::vector<DtlsSessionRow> find_dtls_sessions(
    Database& db, const Bytes& id, const std::string& device_id, const std::string& address, std::uint16_t port) {
  if (!id.empty()) {
    Statement s(db, std::string(select) + " WHERE id = ?");
    s.bind(1, id);
    return read_rows(s);
  }
  if (!device_id.empty()) {
    Statement s(db, std::string(select) + " WHERE device_id = ?");
    s.bind(1, device_id);
    return read_rows(s);
  }
  Statement s(db, std::string(select) + " WHERE address = ? AND port = ? ORDER BY updated DESC LIMIT 8");
  s.bind(1, address);
  s.bind(2, port);
  return read_rows(s);
}

std::optional<DtlsSessionRow> reserve_dtls_session(
    Database& db, const std::string& device_id, std::uint64_t reservation) {
  auto rows = find_dtls_sessions(db, {}, device_id, "", 0);
  if (rows.empty()) return std::nullopt;
  Statement raise(db, "UPDATE dtls_sessions SET leased = leased + ? WHERE device_id = ?");
  raise.bind(1, static_cast<std::int64_t>(reservation));
  raise.bind(2, device_id);
  raise.execute();
  return std::move(rows.front());
}

}  // namespace drydock::store
