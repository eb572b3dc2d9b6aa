#include "store/device_list.hpp"

#include "store/device_columns.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

namespace drydock::store {
namespace {

struct Order {
  const char* column;
  bool is_text;
};

Order order_of(DeviceOrder order) {
  switch (order) {
    case DeviceOrder::label: return {"label", true};
    case DeviceOrder::state: return {"shown_state", true};
    case DeviceOrder::platform: return {"platform", false};
    case DeviceOrder::last_seen: return {"last_seen", false};
    case DeviceOrder::first_seen: return {"first_seen", false};
  }
  return {"label", true};
}

constexpr std::size_t id_length = 24;

// A position is the last id and, behind it in hexadecimal digits, what its row was sorted by: the row may have changed
// since, and names need not be UTF-8.
struct Position {
  std::string id;
  std::string key;
};

std::string print(const Position& position) {
  return position.id + to_hex(view_of(position.key));
}

std::optional<Position> parse_position(const std::string& text, bool is_text) {
  if (text.size() < id_length || text.find_first_not_of("0123456789abcdef") < id_length) return std::nullopt;
  const auto key = from_hex(std::string_view(text).substr(id_length));
  if (!key) return std::nullopt;
  Position position{text.substr(0, id_length), std::string(key->begin(), key->end())};
  if (!is_text &&
      (position.key.empty() || position.key.find_first_not_of("0123456789") != std::string::npos ||
          position.key.size() > 18))
    return std::nullopt;
  return position;
}

// '%' and '_' mean themselves.
std::string like_pattern(const std::string& part) {
  std::string pattern = "%";
  for (const char c : part) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + "%";
}

}  // namespace

Result<DevicePage> list_devices(Database& db, const DeviceQuery& query) {
  const auto order = order_of(query.order);
  const auto after = query.after.empty() ? std::nullopt : parse_position(query.after, order.is_text);
  if (!query.after.empty() && !after)
    return failure(ErrorKind::malformed, "'after' is not what 'next' of a page before was");

  std::string sql = fmt::format(
      "SELECT {}, shown_state, {}, EXISTS (SELECT 1 FROM dtls_sessions WHERE device_id = devices.id) FROM devices "
      "WHERE 1",
      device_columns, order.column);
  if (!query.state.empty()) sql += " AND shown_state = :state";
  if (query.connected) sql += " AND connected = :connected";
  if (!query.search.empty()) {
    sql += " AND (name LIKE :search ESCAPE '\\' OR id LIKE :search ESCAPE '\\' OR address LIKE :search ESCAPE '\\'";
    if (!query.platforms_of_search.empty())
      sql += fmt::format(" OR platform IN ({})", fmt::join(query.platforms_of_search, ","));
    sql += ")";
  }
  const auto* direction = query.descending ? "DESC" : "ASC";
  if (after) sql += fmt::format(" AND ({}, id) {} (:key, :id)", order.column, query.descending ? "<" : ">");
  sql += fmt::format(" ORDER BY {0} {1}, id {1} LIMIT :limit", order.column, direction);

  SQLite::Statement s(db.sql(), sql);
  if (!query.state.empty()) s.bind(":state", query.state);
  if (query.connected) s.bind(":connected", *query.connected ? 1 : 0);
  if (!query.search.empty()) s.bind(":search", like_pattern(query.search));
  if (after) {
    s.bind(":id", after->id);
    if (order.is_text)
      s.bind(":key", after->key);
    else
      s.bind(":key", static_cast<std::int64_t>(std::stoll(after->key)));
  }
  s.bind(":limit", query.limit + 1);  // one more tells whether there is more

  DevicePage page;
  Position last;
  while (s.executeStep()) {
    if (page.devices.size() == static_cast<std::size_t>(query.limit)) {
      page.next = print(last);
      break;
    }
    auto row = read_device(s);
    last = {row.id, s.getColumn(device_column_count + 1).getString()};
    page.devices.push_back({std::move(row), s.getColumn(device_column_count).getString(),
        s.getColumn(device_column_count + 2).getInt() != 0});
  }
  return page;
}

std::map<std::string, std::int64_t> count_devices(Database& db) {
  SQLite::Statement s(db.sql(), "SELECT shown_state, count(*) FROM devices GROUP BY shown_state");
  std::map<std::string, std::int64_t> counts;
  while (s.executeStep()) counts[s.getColumn(0).getString()] = s.getColumn(1).getInt64();
  return counts;
}

std::vector<DeviceRow> find_devices(Database& db, const std::string& id_or_name, int limit) {
  if (auto row = load_device(db, id_or_name)) return {std::move(*row)};
  constexpr std::size_t shortest_part = 4;
  // The end of a range of ids: every id's digits come before 'g'.
  SQLite::Statement s(db.sql(),
      std::string("SELECT ") + device_columns +
          " FROM devices WHERE (label = ?1 AND name = ?1) OR (id >= ?2 AND id < ?3) ORDER BY id LIMIT ?4");
  const bool part = id_or_name.size() >= shortest_part;
  s.bind(1, id_or_name);
  s.bind(2, part ? id_or_name : "x");
  s.bind(3, part ? id_or_name + "g" : "x");
  s.bind(4, limit);
  std::vector<DeviceRow> rows;
  while (s.executeStep()) rows.push_back(read_device(s));
  return rows;
}

std::string shown_state(const DeviceRow& row) {
  if (!row.changed_key.empty()) return "unknown_key";
  if (row.approval == "pending") return "awaiting_approval";
  if (row.approval == "refused") return "refused";
  return row.held ? "held" : row.state;
}

}  // namespace drydock::store
