#include "store/copy.hpp"

#include "store/changes.hpp"
#include "store/postgresql_values.hpp"
#include "store/statement.hpp"

#include <array>
#include <fmt/format.h>

namespace drydock::store {
namespace {

using Column = CopiedTable::Column;
using Type = Column::Type;

constexpr std::size_t rows_at_once = 100;
constexpr int rows_fetched = 1000;

std::vector<Column> columns_of(std::initializer_list<Column> columns) {
  return columns;
}

const std::vector<CopiedTable>& tables() {
  constexpr auto i = Type::integer;
  constexpr auto t = Type::text;
  constexpr auto b = Type::bytes;
  static const std::vector<CopiedTable> all{
      {"devices",
          columns_of({{"id", t}, {"name", t}, {"approval", t}, {"public_key", b}, {"platform", i}, {"product_id", i},
              {"product_version", i}, {"system_version", i}, {"hello_flags", i}, {"address", t}, {"connected", i},
              {"first_seen", i}, {"last_seen", i}, {"safe_mode", i}, {"updates_enabled", i}, {"state", t},
              {"state_words", t}, {"application", t}, {"changed_key", b}, {"changed_key_seen", i}, {"held", i},
              {"enrolled", i}, {"forced", i}, {"notes", t}, {"reconnections", i}, {"group_name", t}})},
      {"device_modules",
          columns_of({{"device_id", t}, {"position", i}, {"function", i}, {"module_index", i}, {"version", i},
              {"store", t}, {"max_size", i}, {"checked", i}, {"passed", i}, {"sha256", t}, {"dependencies", t}})},
      {"modules",
          columns_of({{"sha256", t}, {"file_name", t}, {"size", i}, {"platform", i}, {"function", i},
              {"module_index", i}, {"version", i}, {"flags", i}, {"dependencies", t}, {"suffix_sha256", t},
              {"product_id", i}, {"product_version", i}, {"added", i}, {"companion", t}, {"assets", t}})},
      {"goals", columns_of({{"device_id", t}, {"function", i}, {"module_index", i}, {"version", i}, {"sha256", t}})},
      {"update_steps",
          columns_of({{"id", i}, {"device_id", t}, {"update_number", i}, {"function", i}, {"module_index", i},
              {"version", i}, {"sha256", t}, {"suffix_sha256", t}, {"from_version", i}, {"reason", t}, {"state", t},
              {"bytes_total", i}, {"bytes_acknowledged", i}, {"planned_at", i}, {"started_at", i}, {"finished_at", i},
              {"error", t}, {"confirmed", i}}),
          true},
      {"updates",
          columns_of({{"device_id", t}, {"update_number", i}, {"state", t}, {"started_at", i}, {"finished_at", i},
              {"words", t}})},
      {"attempts",
          columns_of({{"device_id", t}, {"sha256", t}, {"from_version", i}, {"count", i}, {"last_started", i},
              {"last_error", t}})},
      {"sends", columns_of({{"device_id", t}, {"sha256", t}, {"began", i}, {"count", i}})},
      {"history", columns_of({{"id", i}, {"at", i}, {"device_id", t}, {"kind", t}, {"words", t}}), true},
      {"settings", columns_of({{"key", t}, {"value", t}})},
      {"releases", columns_of({{"name", t}, {"notes", t}, {"created", i}})},
      {"release_modules", columns_of({{"release_name", t}, {"sha256", t}})},
      {"rollouts",
          columns_of({{"id", i}, {"release_name", t}, {"created", i}, {"waves", t}, {"soak", i}, {"lost_after", i},
              {"failure_percent", i}, {"failures", i}, {"restarts", i}, {"at_once", i}, {"per_minute", i}, {"stage", t},
              {"wave", i}, {"words", t}, {"forgiven", i}, {"downgrade", i}, {"forced", i}, {"bytes_per_second", i},
              {"hours", t}, {"time_zone", t}, {"blackout", t}, {"health_event", t}}),
          true},
      {"rollout_devices",
          columns_of({{"rollout_id", i}, {"device_id", t}, {"position", i}, {"stage", t}, {"canary", i}, {"wave", i},
              {"begun_at", i}, {"verified_at", i}, {"well_since", i}, {"away_since", i}, {"reconnections", i},
              {"restarts", i}, {"words", t}, {"heard_in", i}})},
      {"rollout_previous",
          columns_of({{"rollout_id", i}, {"device_id", t}, {"function", i}, {"module_index", i}, {"version", i},
              {"suffix_sha256", t}})},
      {"absences", columns_of({{"device_id", t}, {"since", i}, {"told", i}})},
      {"device_labels", columns_of({{"device_id", t}, {"label", t}})},
      {"group_rules",
          columns_of({{"id", i}, {"group_name", t}, {"platform", i}, {"product_id", i}, {"name_pattern", t},
              {"addresses", t}}),
          true},
      {"update_policies",
          columns_of({{"scope", t}, {"subject", t}, {"target", t}, {"version", t}, {"release_name", t},
              {"downgrade", i}, {"held", i}, {"hours", t}, {"time_zone", t}, {"blackout", t}})},
      {"audit", columns_of({{"id", i}, {"at", i}, {"who", t}, {"via", t}, {"what", t}, {"outcome", t}}), true},
      {"integrations",
          columns_of({{"id", i}, {"name", t}, {"kind", t}, {"events", t}, {"settings", t}, {"digest", i},
              {"enabled", i}, {"created", i}, {"dropped", i}, {"last_sent", i}, {"last_error", t}}),
          true},
      {"deliveries",
          columns_of({{"id", i}, {"integration_id", i}, {"node", i}, {"event", t}, {"data", t}, {"device_id", t},
              {"published_at", i}, {"state", t}, {"attempts", i}, {"error", t}}),
          true},
      {"users", columns_of({{"name", t}, {"password", t}, {"role", t}, {"created", i}})},
      {"web_sessions", columns_of({{"token_sha256", t}, {"created", i}, {"expires", i}, {"user_name", t}})},
      {"api_tokens",
          columns_of({{"id", i}, {"name", t}, {"token_sha256", t}, {"created", i}, {"expires", i}, {"by_password", i},
              {"user_name", t}, {"scopes", t}, {"refresh_sha256", t}, {"refresh_expires", i}, {"used", i}}),
          true},
      {"claim_codes", columns_of({{"code_sha256", t}, {"user_name", t}, {"expires", i}})},
      {"known_browsers", columns_of({{"token_sha256", t}, {"created", i}, {"user_name", t}})},
      {"dtls_sessions",
          columns_of({{"id", b}, {"device_id", t}, {"keys", b}, {"uses_connection_id", i}, {"client_key", b},
              {"leased", i}, {"received_next", i}, {"received_seen", i}, {"address", t}, {"port", i}, {"memo", b},
              {"updated", i}})},
      {"changes", columns_of({{"revision", i}, {"subject", t}})},
  };
  return all;
}

std::string names(const CopiedTable& table) {
  std::string list;
  for (const auto& column : table.columns) list += (list.empty() ? "" : ", ") + std::string(column.name);
  return list;
}

struct Value {
  bool null = true;
  std::int64_t number = 0;
  std::string text;
  Bytes bytes;
};

Value read(Statement& s, int at, Type type) {
  Value value;
  value.null = s.is_null(at);
  if (value.null) return value;
  switch (type) {
    case Type::integer: value.number = s.integer(at); break;
    case Type::text: value.text = storable_text(s.text(at)); break;
    case Type::bytes: value.bytes = s.bytes(at); break;
  }
  return value;
}

// FNV-1a over a row; rows are added up, so that their order does not matter.
class Sum {
public:
  void add(const std::vector<Value>& row) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto mix = [&](std::string_view part) {
      for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    };
    for (const auto& value : row)
      mix(fmt::format("{}|{}|{}|{}|{};", value.null, value.number, value.text.size(), value.text, to_hex(value.bytes)));
    sum_ += hash;
    ++rows_;
  }
  std::int64_t rows() const { return rows_; }
  bool operator==(const Sum&) const = default;

private:
  std::uint64_t sum_ = 0;
  std::int64_t rows_ = 0;
};

/// Calls `each` with every row. PostgreSQL would give them all at once: it is asked through a cursor.
template <class Each>
void for_each_row(Database& db, const CopiedTable& table, const Each& each) {
  const auto query = fmt::format("SELECT {} FROM {}", names(table), table.name);
  const auto read_all = [&](Statement& s) {
    int rows = 0;
    for (; s.step(); ++rows) {
      std::vector<Value> row;
      for (std::size_t i = 0; i < table.columns.size(); ++i)
        row.push_back(read(s, static_cast<int>(i), table.columns[i].type));
      each(std::move(row));
    }
    return rows;
  };
  if (db.engine() == Engine::sqlite) {
    Statement s(db, query);
    read_all(s);
    return;
  }
  db.connection().execute("DECLARE copied NO SCROLL CURSOR FOR " + query);
  for (;;) {
    // A text of its own for each table: statements are prepared once, and these have other columns.
    Statement s(db, fmt::format("FETCH {} FROM copied /* {} */", rows_fetched, table.name));
    if (read_all(s) < rows_fetched) break;
  }
  db.connection().execute("CLOSE copied");
}

class Inserter {
public:
  Inserter(Database& db, const CopiedTable& table) : db_(db), table_(table) {}
  void add(std::vector<Value> row) {
    rows_.push_back(std::move(row));
    if (rows_.size() == rows_at_once) flush();
  }
  void flush() {
    if (rows_.empty()) return;
    std::string places;
    for (std::size_t i = 0; i < table_.columns.size(); ++i) places += i == 0 ? "?" : ",?";
    std::string all;
    for (std::size_t i = 0; i < rows_.size(); ++i) all += (i == 0 ? "(" : ",(") + places + ")";
    Statement s(db_, fmt::format("INSERT INTO {} ({}) VALUES {}", table_.name, names(table_), all));
    int at = 0;
    for (const auto& row : rows_)
      for (std::size_t i = 0; i < row.size(); ++i) bind(s, ++at, table_.columns[i].type, row[i]);
    s.execute();
    rows_.clear();
  }

private:
  static void bind(Statement& s, int at, Type type, const Value& value) {
    if (value.null) return s.bind_null(at);
    switch (type) {
      case Type::integer: return s.bind(at, value.number);
      case Type::text: return s.bind(at, value.text);
      case Type::bytes: return s.bind(at, value.bytes);
    }
  }
  Database& db_;
  const CopiedTable& table_;
  std::vector<std::vector<Value>> rows_;
};

Sum copy_table(Database& from, Database& to, const CopiedTable& table) {
  Sum sum;
  Inserter inserter(to, table);
  for_each_row(from, table, [&](std::vector<Value> row) {
    sum.add(row);
    inserter.add(std::move(row));
  });
  inserter.flush();
  if (table.numbers_itself && to.engine() == Engine::postgresql)
    to.connection().execute(
        fmt::format("SELECT setval(pg_get_serial_sequence('{0}', '{1}'), (SELECT coalesce(max({1}), 0) + 1 FROM {0}), "
                    "false)",
            table.name, table.columns.front().name));
  return sum;
}

}  // namespace

std::span<const CopiedTable> copied_tables() {
  return tables();
}

bool is_used(Database& db) {
  return query_integer(db,
             "SELECT EXISTS (SELECT 1 FROM devices) OR EXISTS (SELECT 1 FROM modules) OR EXISTS (SELECT 1 FROM "
             "settings WHERE key = 'password')") != 0;
}

std::string fault_of(Database& db) {
  try {
    Transaction trial(db, Connection::Transaction::writes);
    for (const auto& table : tables()) {
      query_integer(
          db, fmt::format("SELECT count(*) FROM (SELECT {} FROM {} LIMIT 1) AS one", names(table), table.name));
      db.connection().execute(fmt::format("DELETE FROM {} WHERE 1 = 0", table.name));
    }
    if (db.engine() == Engine::postgresql) query_integer(db, "SELECT count(sha256) FROM module_files");
    note_change(db, subject::settings);
    return "";
  } catch (const std::exception& e) {
    return e.what();
  }
}

void copy_database(Database& from, Database& to, const std::function<void(const std::string&, std::int64_t)>& progress,
    const std::function<void(Database&)>& before_commit) {
  Transaction reading(from, Connection::Transaction::reads);
  to.connection().set_durable(true);
  Transaction writing(to, Connection::Transaction::writes);
  for (auto* database : {&from, &to})  // the one idles while the other is read through
    if (database->engine() == Engine::postgresql)
      database->connection().execute("SET LOCAL idle_in_transaction_session_timeout = 0");
  for (auto table = tables().rbegin(); table != tables().rend(); ++table)
    to.connection().execute(fmt::format("DELETE FROM {}", table->name));
  for (const auto& table : tables()) {
    const auto sum = copy_table(from, to, table);
    Sum copied;
    for_each_row(to, table, [&](std::vector<Value> row) { copied.add(row); });
    if (copied != sum)
      throw StoreError(fmt::format(
          "the copy of {} differs ({} rows, {} in the copy): nothing was kept", table.name, sum.rows(), copied.rows()));
    if (progress) progress(table.name, sum.rows());
  }
  if (before_commit) before_commit(to);
  writing.commit();
}

}  // namespace drydock::store
