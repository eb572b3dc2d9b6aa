#include "store/nodes.hpp"
#include "store/access.hpp"
#include "store/copy.hpp"
#include "store/devices.hpp"
#include "store/history.hpp"
#include "store/postgresql_engine.hpp"
#include "store/postgresql_values.hpp"
#include "store/statement.hpp"
#include "store/writer.hpp"
#include "support/any_engine.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <boost/test/unit_test.hpp>
#include <map>
#include <thread>

using namespace drydock;
using namespace drydock::testing;
using store::Database;

namespace {

struct Column {
  std::string type;
  bool required = false;
  bool operator==(const Column&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Column& column) {
  return out << column.type << (column.required ? " NOT NULL" : "");
}

using Table = std::map<std::string, Column>;

// As SQLite names types; a primary key is required whether it says so or not.
std::map<std::string, Table> schema_of_sqlite() {
  auto db = Database::in_memory();
  std::map<std::string, Table> schema;
  store::Statement s(db,
      "SELECT t.name, c.name, c.type, c.\"notnull\" OR c.pk > 0 FROM sqlite_schema t, pragma_table_info(t.name) c "
      "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'");
  while (s.step()) schema[s.text(0)][s.text(1)] = {s.text(2), s.boolean(3)};
  return schema;
}

std::map<std::string, Table> schema_of_postgresql(Database& db) {
  std::map<std::string, Table> schema;
  store::Statement s(db,
      "SELECT c.table_name, c.column_name, CASE c.data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' ELSE "
      "upper(c.data_type) END, c.is_nullable = 'NO' FROM information_schema.columns c JOIN information_schema.tables t "
      "USING (table_schema, table_name) WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'");
  while (s.step()) schema[s.text(0)][s.text(1)] = {s.text(2), s.boolean(3)};
  return schema;
}

boost::test_tools::assertion_result with_server(boost::unit_test::test_unit_id) {
  return std::getenv("DRYDOCK_TEST_POSTGRESQL") != nullptr;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(postgresql)

BOOST_AUTO_TEST_CASE(both_engines_have_the_same_tables, *boost::unit_test::precondition(with_server)) {
  auto expected = schema_of_sqlite();
  auto db = fresh_database();
  auto found = schema_of_postgresql(db);
  // SQLite has a folder and a PRAGMA for these.
  BOOST_TEST(found.erase("module_files") == 1u);
  BOOST_TEST(found.erase("drydock_schema") == 1u);
  BOOST_REQUIRE(found.size() == expected.size());
  for (const auto& [name, columns] : expected) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_REQUIRE(found.contains(name));
      BOOST_TEST(found[name].size() == columns.size());
      for (const auto& [column, what] : columns) {
        BOOST_TEST_CONTEXT(column) BOOST_TEST(found[name][column] == what);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_copy_leaves_no_column_out) {
  auto expected = schema_of_sqlite();
  for (const auto* filled_by_triggers : {"label", "shown_state"})
    BOOST_TEST(expected["devices"].erase(filled_by_triggers) == 1u);
  for (const auto* of_a_run : {"node", "epoch", "wanted_by"}) BOOST_TEST(expected["devices"].erase(of_a_run) == 1u);
  for (const auto* of_a_run : {"nodes", "turns"}) BOOST_TEST(expected.erase(of_a_run) == 1u);
  BOOST_TEST(store::copied_tables().size() == expected.size());
  for (const auto& table : store::copied_tables()) {
    BOOST_TEST_CONTEXT(table.name) {
      BOOST_TEST(table.columns.size() == expected[table.name].size());
      for (const auto& column : table.columns) {
        using Type = store::CopiedTable::Column::Type;
        const auto* type = column.type == Type::integer ? "INTEGER" : column.type == Type::text ? "TEXT" : "BLOB";
        BOOST_TEST(expected[table.name][column.name].type == type, column.name);
      }
    }
  }
}

// Into a database of either engine that holds something else, and on from there.
BOOST_AUTO_TEST_CASE(a_copy_is_whole_and_goes_on_counting) {
  auto from = Database::in_memory();
  store::DeviceRow row;
  row.public_key = {0, 1, 0xff};
  for (int i = 0; i < 250; ++i) {
    row.id = std::string(21, 'a') + std::to_string(100 + i);
    row.name = i % 2 ? "Grün " + std::to_string(i) : "";
    store::add_device(from, row);
    store::append_history(from, {i, row.id, "kind", std::string("cut \xc3 off \0 here", 16)});
  }
  auto to = fresh_database();
  row.id = std::string(24, 'f');
  store::add_device(to, row);
  std::map<std::string, std::int64_t> told;
  store::copy_database(from, to, [&](const std::string& table, std::int64_t rows) { told[table] = rows; });
  BOOST_TEST(told["devices"] == 250);
  BOOST_TEST(told["history"] == 250);
  BOOST_TEST(!store::load_device(to, row.id));
  BOOST_TEST(store::count_all_devices(to) == 250);
  const auto id = std::string(21, 'a') + "349";
  BOOST_TEST(store::load_device(to, id)->name == "Grün 249");
  BOOST_TEST((store::load_device(to, id)->public_key == Bytes{0, 1, 0xff}));
  store::append_history(to, {999, id, "kind", "after"});
  const auto history = store::recent_history(to, id, 10);
  BOOST_REQUIRE(history.size() == 2u);
  BOOST_TEST(history[0].words == "after");
  BOOST_TEST(history[1].words == "cut \uFFFD off \uFFFD here");
}

BOOST_AUTO_TEST_CASE(a_copy_that_fails_changes_nothing) {
  auto from = Database::in_memory();
  store::DeviceRow row;
  row.id = std::string(24, 'a');
  row.public_key = {1};
  store::add_device(from, row);
  auto to = fresh_database();
  to.connection().execute("DROP TABLE changes");  // the last one
  row.id = std::string(24, 'f');
  store::add_device(to, row);
  BOOST_CHECK_THROW(store::copy_database(from, to), std::exception);
  BOOST_TEST(store::load_device(to, row.id).has_value());
  BOOST_TEST(store::count_all_devices(to) == 1);
}

namespace {

/// Writes one row of history by a writer on its thread; how many there are then, or -1 when the writer gave an error.
std::int64_t rows_written(const std::string& url) {
  asio::io_context loop;
  bool good = false;
  {
    auto writer = store::Writer::on_thread(Database::open({{}, url}, store::Access::read_write), loop.get_executor());
    const auto write = [&]() -> asio::awaitable<void> {
      std::function<void(Database&)> work = [](Database& db) { store::append_history(db, {1, "", "kind", "words"}); };
      const auto done = co_await writer->perform(std::move(work));
      good = done.has_value();
    };
    asio::co_spawn(loop, write(), [](std::exception_ptr) {});
    loop.run();
  }
  auto db = Database::open({{}, url}, store::Access::read_only);
  return good ? store::query_integer(db, "SELECT count(*) FROM history") : -1;
}

}  // namespace

// A server whose standby does not answer has committed, and its client does not know it yet.
BOOST_AUTO_TEST_CASE(a_commit_whose_answer_was_lost_is_not_done_again, *boost::unit_test::precondition(with_server)) {
  const auto url = *fresh_postgresql();
  { auto db = Database::open({{}, url}, store::Access::read_write); }
  auto other = store::PostgresqlConnection::connect(url);
  other->execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  other->execute("SELECT pg_reload_conf()");
  std::thread cutting([&] {
    const auto waiting = [&] {
      const auto s = other->prepare("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
      return s->step() && s->integer(0) != 0;
    };
    while (!waiting()) other->execute("SELECT pg_sleep(0.01)");
    other->execute("ALTER SYSTEM RESET synchronous_standby_names");
    other->execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    other->execute("SELECT pg_reload_conf()");
  });
  const auto rows = rows_written(url);
  cutting.join();
  BOOST_TEST(rows == 1);
}

BOOST_AUTO_TEST_CASE(a_commit_that_was_cut_off_is_done_again, *boost::unit_test::precondition(with_server)) {
  const auto url = *fresh_postgresql();
  {
    auto db = Database::open({{}, url}, store::Access::read_write);
    // At the first commit, and a sequence forgets nothing.
    db.connection().execute(
        "CREATE SEQUENCE commits; CREATE FUNCTION cut_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
        "nextval('commits') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$; "
        "CREATE CONSTRAINT TRIGGER cut_off AFTER INSERT ON history DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE "
        "FUNCTION cut_off()");
  }
  BOOST_TEST(rows_written(url) == 1);
  auto db = Database::open({{}, url}, store::Access::read_only);
  BOOST_TEST(store::query_integer(db, "SELECT last_value FROM commits") == 2);
}

BOOST_AUTO_TEST_CASE(parameters_are_numbered_outside_of_quotes) {
  BOOST_TEST(store::numbered_parameters("a = ? AND b = '?' AND c = ?") == "a = $1 AND b = '?' AND c = $2");
  BOOST_TEST(store::numbered_parameters("?2, ?1, ?12") == "$2, $1, $12");
  BOOST_TEST(store::numbered_parameters("'it''s ?' || ?") == "'it''s ?' || $1");
}

BOOST_AUTO_TEST_CASE(values_come_back_as_they_went) {
  BOOST_TEST(store::storable_text("plain") == "plain");
  BOOST_TEST(store::storable_text("Grün €") == "Grün €");
  BOOST_TEST(store::storable_text(std::string_view("a\0b\xff", 4)) == "a\uFFFDb\uFFFD");
  BOOST_TEST(store::integer_value("-12") == -12);
  BOOST_TEST(store::integer_value("9223372036854775807") == 9223372036854775807);
  BOOST_TEST(store::integer_value("t") == 1);
  BOOST_TEST(store::integer_value("f") == 0);
  BOOST_TEST((store::bytes_value("\\x00ff10") == Bytes{0x00, 0xff, 0x10}));
}

BOOST_AUTO_TEST_CASE(an_address_is_shown_without_its_password) {
  BOOST_TEST(store::shown_url("postgresql://me:secret@host/db") == "postgresql://me@host/db");
  BOOST_TEST(store::shown_url("postgresql://me@host:5432/db") == "postgresql://me@host:5432/db");
  BOOST_TEST(store::shown_url("postgresql:///db?host=/run/postgresql") == "postgresql:///db?host=/run/postgresql");
  BOOST_TEST(store::shown_url("postgresql:///db?user=me&password=secret&port=1") ==
      "postgresql:///db?user=me&password=...&port=1");
  BOOST_TEST(store::is_postgresql_url("postgres://host/db"));
  BOOST_TEST(!store::is_postgresql_url("mysql://host/db"));
}

// libpq would take parts of the password for a host or a port, and say them.
BOOST_AUTO_TEST_CASE(a_misspelled_address_is_told_and_shows_no_part_of_its_password) {
  for (const auto* url : {"postgresql://me:pa@ss@host/db", "postgresql://me:pa/ss@host/db",
           "postgresql://me:pa#ss@host/db", "postgresql://me:pa?ss@host/db", "postgresql://me:pa%ss@host/db"}) {
    BOOST_TEST(!store::fault_of_url(url).empty(), url);
    BOOST_TEST(store::shown_url(url) == "postgresql://me@host/db", url);
    try {
      store::Database::open(store::Location{"", url}, store::Access::read_only);
      BOOST_ERROR("opened");
    } catch (const store::StoreError& e) {
      BOOST_TEST(std::string(e.what()).find("ss@") == std::string::npos);
    }
  }
  for (const auto* url : {"postgresql://me:s%40cret@host/db", "postgresql:///db?host=/run/postgresql&user=me",
           "postgresql://me@[::1]:5432/db"})
    BOOST_TEST(store::fault_of_url(url).empty(), url);
}

namespace {

/// A node's connection to a database of its own, and another machine's.
struct NodeAndObserver {
  explicit NodeAndObserver(const std::string& url = fresh_postgresql().value())
      : db(Database::open({"", url}, store::Access::read_write)),
        other(Database::open({"", url}, store::Access::read_write)) {
    node.name = node.folder = "a";
    node.id = store::add_node(db, node, 1);
    db.connection().write_as_node(node.id);
  }
  Database db;
  Database other;
  store::NodeRow node;
};

}  // namespace

// Another machine is just deciding whether this one is gone.
BOOST_AUTO_TEST_CASE(
    a_transaction_that_could_not_begin_leaves_nothing_open, *boost::unit_test::precondition(with_server)) {
  NodeAndObserver machines;
  auto& [db, other, node] = machines;
  db.connection().execute("SET lock_timeout = '50ms'");
  {
    store::Transaction deciding(other, store::Connection::Transaction::writes);
    BOOST_TEST(store::remove_node(other, node.id, 0));
    BOOST_CHECK_THROW(store::Transaction(db, store::Connection::Transaction::writes), store::Unavailable);
  }
  BOOST_TEST(!db.connection().in_transaction());
  store::Transaction again(db, store::Connection::Transaction::writes);
  store::save_setting(db, "key", "value");
  again.commit();
  BOOST_TEST(store::load_setting(other, "key").value_or("") == "value");

  BOOST_TEST(store::remove_node(other, node.id, 0));
  BOOST_CHECK_THROW(store::Transaction(db, store::Connection::Transaction::writes), store::Unavailable);
}

// It froze in the middle of a transaction: nobody waits for it.
BOOST_AUTO_TEST_CASE(
    a_node_that_writes_is_not_taken_for_gone_and_holds_up_nobody, *boost::unit_test::precondition(with_server)) {
  NodeAndObserver machines;
  auto& [db, other, node] = machines;
  other.connection().execute("SET lock_timeout = '50ms'");  // to fail instead of waiting
  {
    store::Transaction frozen(db, store::Connection::Transaction::writes);
    BOOST_TEST(!store::remove_node(other, node.id, 0));
  }
  BOOST_TEST(store::remove_node(other, node.id, 0));
}

BOOST_AUTO_TEST_SUITE_END()
