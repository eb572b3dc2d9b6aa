#include "store/dtls_sessions.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

namespace drydock::store {
namespace {

Bytes blob(const SQLite::Column& column) {
  const auto* data = static_cast<const std::uint8_t*>(column.getBlob());
  return Bytes(data, data + column.getBytes());
}

}  // namespace

void save_dtls_session(Database& db, const DtlsSessionRow& row, std::int64_t now) {
  SQLite::Statement older(db.sql(), "DELETE FROM dtls_sessions WHERE device_id = ? AND id <> ?");
  older.bind(1, row.device_id);
  older.bind(2, row.id.data(), static_cast<int>(row.id.size()));
  older.exec();

  SQLite::Statement s(db.sql(),
      "INSERT INTO dtls_sessions (id, device_id, keys, uses_connection_id, client_key, leased, received_next, "
      "received_seen, address, port, memo, updated) "
      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET leased = max(leased, excluded.leased), "
      "received_seen = CASE WHEN excluded.received_next < received_next THEN received_seen ELSE excluded.received_seen "
      "END, "
      "received_next = max(received_next, excluded.received_next), address = excluded.address, port = excluded.port, "
      "memo = excluded.memo, "
      "updated = excluded.updated");
  s.bind(1, row.id.data(), static_cast<int>(row.id.size()));
  s.bind(2, row.device_id);
  s.bind(3, row.keys.data(), static_cast<int>(row.keys.size()));
  s.bind(4, row.uses_connection_id ? 1 : 0);
  s.bind(5, row.client_key.data(), static_cast<int>(row.client_key.size()));
  s.bind(6, static_cast<std::int64_t>(row.reserved));
  s.bind(7, static_cast<std::int64_t>(row.received_next));
  s.bind(8, static_cast<std::int64_t>(row.received_seen));
  s.bind(9, row.address);
  s.bind(10, row.port);
  s.bind(11, row.hello_payload.data(), static_cast<int>(row.hello_payload.size()));
  s.bind(12, now);
  s.exec();
}

bool has_dtls_session(Database& db, const std::string& device_id) {
  SQLite::Statement s(db.sql(), "SELECT 1 FROM dtls_sessions WHERE device_id = ?");
  s.bind(1, device_id);
  return s.executeStep();
}

void forget_dtls_session(Database& db, const Bytes& id) {
  SQLite::Statement s(db.sql(), "DELETE FROM dtls_sessions WHERE id = ?");
  s.bind(1, id.data(), static_cast<int>(id.size()));
  s.exec();
}

std::vector<DtlsSessionRow> load_and_reserve_dtls_sessions(Database& db, std::uint64_t reservation) {
  std::vector<DtlsSessionRow> rows;
  SQLite::Statement s(db.sql(),
      "SELECT id, device_id, keys, uses_connection_id, client_key, leased, received_next, received_seen, address, "
      "port, memo FROM dtls_sessions");
  while (s.executeStep()) {
    DtlsSessionRow row;
    row.id = blob(s.getColumn(0));
    row.device_id = s.getColumn(1).getString();
    row.keys = blob(s.getColumn(2));
    row.uses_connection_id = s.getColumn(3).getInt() != 0;
    row.client_key = blob(s.getColumn(4));
    row.reserved = static_cast<std::uint64_t>(s.getColumn(5).getInt64());
    row.received_next = static_cast<std::uint64_t>(s.getColumn(6).getInt64());
    row.received_seen = static_cast<std::uint64_t>(s.getColumn(7).getInt64());
    row.address = s.getColumn(8).getString();
    row.port = static_cast<std::uint16_t>(s.getColumn(9).getInt());
    row.hello_payload = blob(s.getColumn(10));
    rows.push_back(std::move(row));
  }
  SQLite::Statement raise(db.sql(), "UPDATE dtls_sessions SET leased = leased + ?");
  raise.bind(1, static_cast<std::int64_t>(reservation));
  raise.exec();
  return rows;
}

}  // namespace drydock::store
