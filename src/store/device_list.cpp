#include "store/device_list.hpp"

#include "store/statement.hpp"

#include "base/text.hpp"
#include "store/device_columns.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <variant>

namespace drydock::store {
namespace {

// UTC milliseconds of a day.
constexpr std::int64_t day = 24 * 3600 * 1000;

// What "away" takes the place of: the others wait for a person, whether the device is there or not.
constexpr const char* becomes_away =
    "connected = 0 AND last_seen > 0 AND last_seen < {0} AND shown_state NOT IN ('unknown_key', 'awaiting_approval', "
    "'refused', 'held')";
// `moment`: the parameter that `away_before` is bound to.
std::string is_away(const std::string& moment) {
  return fmt::format(fmt::runtime(becomes_away), moment);
}

std::string state_expression(const std::string& moment) {
  if (moment.empty()) return "shown_state";
  return "CASE WHEN " + is_away(moment) + " THEN 'away' ELSE shown_state END";
}

struct Order {
  std::string column;
  bool is_text;
};

// What a person has to do something about comes first, then what is under way.
constexpr std::array states_by_urgency{"unknown_key", "awaiting_approval", "parked", "blocked", "away",
    "updates_disabled", "updating", "waiting", "unknown", "held", "refused", "current"};

std::string urgency(const std::string& state) {
  std::string sql = "CAST(CASE " + state;
  int rank = 0;
  for (const auto* each : states_by_urgency) sql += fmt::format(" WHEN '{}' THEN {}", each, rank++);
  return sql + fmt::format(" ELSE {} END AS BIGINT)", rank);
}

Order order_of(DeviceOrder order, const std::string& state) {
  switch (order) {
    case DeviceOrder::label: return {"label", true};
    case DeviceOrder::urgency: return {urgency("(" + state + ")"), false};
    case DeviceOrder::state: return {state, true};
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

// '%' and '_' mean themselves; letters are those of a text that was made lower().
std::string like_pattern(const std::string& part) {
  std::string pattern = "%";
  for (const char c : part) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return lower_ascii(pattern + "%");
}

}  // namespace

Result<DevicePage> list_devices(Database& db, const DeviceQuery& query) {
  std::vector<std::variant<std::int64_t, std::string>> parameters;
  const auto parameter = [&](auto value) {
    parameters.emplace_back(std::move(value));
    return fmt::format("?{}", parameters.size());
  };
  const auto moment = query.away_before == 0 ? std::string() : parameter(query.away_before);
  const auto state = state_expression(moment);
  const auto order = order_of(query.order, state);
  const auto after = query.after.empty() ? std::nullopt : parse_position(query.after, order.is_text);
  if (!query.after.empty() && !after)
    return failure(ErrorKind::malformed, "'after' is not what 'next' of a page before was");

  std::string sql = fmt::format(
      "SELECT {}, {}, {}, EXISTS (SELECT 1 FROM dtls_sessions WHERE device_id = devices.id) FROM devices WHERE true",
      device_columns, state, order.column);
  if (query.state == "away")
    sql += moment.empty() ? " AND false" : " AND " + is_away(moment);
  else if (!query.state.empty()) {
    sql += " AND shown_state = " + parameter(query.state);
    if (!moment.empty()) sql += " AND NOT (" + is_away(moment) + ")";
  }
  if (!query.group.empty()) sql += " AND group_name = " + parameter(query.group);
  if (!query.label.empty())
    sql += " AND id IN (SELECT device_id FROM device_labels WHERE label = " + parameter(query.label) + ")";
  if (query.connected) sql += " AND connected = " + parameter(std::int64_t{*query.connected ? 1 : 0});
  if (!query.search.empty()) {
    sql += fmt::format(
        " AND (lower(name) LIKE {0} ESCAPE '\\' OR id LIKE {0} ESCAPE '\\' OR address LIKE {0} ESCAPE '\\' OR "
        "lower(group_name) LIKE {0} ESCAPE '\\' OR EXISTS (SELECT 1 FROM device_labels l WHERE l.device_id = "
        "devices.id AND lower(l.label) LIKE {0} ESCAPE '\\')",
        parameter(like_pattern(query.search)));
    if (!query.platforms_of_search.empty())
      sql += fmt::format(" OR platform IN ({})", fmt::join(query.platforms_of_search, ","));
    if (std::string("safe mode").starts_with(lower_ascii(query.search)) && query.search.size() > 3)
      sql += " OR safe_mode = 1";
    if (!query.versions_of_search.empty())
      sql += fmt::format(
          " OR system_version IN ({0}) OR EXISTS (SELECT 1 FROM device_modules m WHERE m.device_id = "
          "devices.id AND m.version IN ({0}))",
          fmt::join(query.versions_of_search, ","));
    sql += ")";
  }
  const auto* direction = query.descending ? "DESC" : "ASC";
  if (after) {
    const auto key = order.is_text ? parameter(after->key) : parameter(std::int64_t{std::stoll(after->key)});
    sql +=
        fmt::format(" AND ({}, id) {} ({}, {})", order.column, query.descending ? "<" : ">", key, parameter(after->id));
  }
  sql += fmt::format(" ORDER BY {0} {1}, id {1} LIMIT {2}", order.column, direction,
      parameter(std::int64_t{query.limit} + 1));  // one more tells whether there is more

  Statement s(db, sql);
  for (std::size_t i = 0; i < parameters.size(); ++i)
    std::visit([&](const auto& value) { s.bind(static_cast<int>(i + 1), value); }, parameters[i]);

  DevicePage page;
  Position last;
  while (s.step()) {
    if (page.devices.size() == static_cast<std::size_t>(query.limit)) {
      page.next = print(last);
      break;
    }
    auto row = read_device(s);
    last = {row.id, s.text(device_column_count + 1)};
    page.devices.push_back({std::move(row), s.text(device_column_count), s.boolean(device_column_count + 2)});
  }
  return page;
}

std::map<std::string, std::int64_t> count_devices(Database& db, std::int64_t away_before) {
  Statement s(db, "SELECT shown_state, count(*) FROM devices GROUP BY shown_state");
  std::map<std::string, std::int64_t> counts;
  while (s.step()) counts[s.text(0)] = s.integer(1);
  if (away_before == 0) return counts;
  Statement away(db, "SELECT shown_state, count(*) FROM devices WHERE " + is_away("?1") + " GROUP BY shown_state");
  away.bind(1, away_before);
  while (away.step()) {
    counts["away"] += away.integer(1);
    if ((counts[away.text(0)] -= away.integer(1)) == 0) counts.erase(away.text(0));
  }
  return counts;
}

std::vector<DeviceRow> find_devices(Database& db, const std::string& id_or_name, int limit) {
  if (auto row = load_device(db, id_or_name)) return {std::move(*row)};
  constexpr std::size_t shortest_part = 4;
  // The end of a range of ids: every id's digits come before 'g'.
  Statement s(db,
      std::string("SELECT ") + device_columns +
          " FROM devices WHERE (label = ?5 AND name = ?1) OR (id >= ?2 AND id < ?3) ORDER BY id LIMIT ?4");
  const bool part = id_or_name.size() >= shortest_part;
  s.bind(1, id_or_name);
  s.bind(2, part ? id_or_name : "x");
  s.bind(3, part ? id_or_name + "g" : "x");
  s.bind(4, limit);
  s.bind(5, lower_ascii(id_or_name));
  std::vector<DeviceRow> rows;
  while (s.step()) rows.push_back(read_device(s));
  return rows;
}

std::vector<DeviceRow> find_devices_by_beginning(Database& db, const std::string& name, int limit, bool beginnings) {
  std::vector<DeviceRow> rows;
  if (name.empty()) return rows;
  const auto pattern = like_pattern(name).substr(1);  // without the '%' before it
  // A name that is all of it is meant, though another one goes on.
  for (const auto* condition : {"label = ?1", "label LIKE ?1 ESCAPE '\\'"}) {
    Statement s(db,
        std::string("SELECT ") + device_columns + " FROM devices WHERE name != '' AND " + condition +
            " ORDER BY id LIMIT ?2");
    s.bind(1, condition == std::string_view("label = ?1") ? lower_ascii(name) : pattern);
    s.bind(2, limit);
    while (s.step()) rows.push_back(read_device(s));
    if (!rows.empty() || !beginnings) break;
  }
  return rows;
}

std::int64_t away_before(int days, std::int64_t utc_now) {
  return days == 0 ? 0 : utc_now - days * day;
}

bool is_shown_state(std::string_view state) {
  return std::find(states_by_urgency.begin(), states_by_urgency.end(), state) != states_by_urgency.end();
}

std::vector<DeviceCount> count_devices_by_platform(Database& db, std::int64_t away_before) {
  const auto state = state_expression(away_before == 0 ? "" : "?1");
  Statement s(db, "SELECT " + state + ", platform, count(*), sum(safe_mode) FROM devices GROUP BY 1, 2");
  if (away_before != 0) s.bind(1, away_before);
  std::vector<DeviceCount> counts;
  while (s.step()) counts.push_back({s.text(0), s.integer<std::uint16_t>(1), s.integer(2), s.integer(3)});
  return counts;
}

std::string shown_state(const DeviceRow& row, std::int64_t away_before) {
  if (!row.changed_key.empty()) return "unknown_key";
  if (row.approval == "pending") return "awaiting_approval";
  if (row.approval == "refused") return "refused";
  if (row.held) return "held";
  return !row.connected && row.last_seen > 0 && row.last_seen < away_before ? "away" : row.state;
}

}  // namespace drydock::store
