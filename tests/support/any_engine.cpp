#include "support/any_engine.hpp"

#include "store/postgresql_engine.hpp"
#include "store/statement.hpp"

#include <cstdlib>
#include <unistd.h>

namespace drydock::testing {

std::optional<std::string> fresh_postgresql() {
  const char* url = std::getenv("DRYDOCK_TEST_POSTGRESQL");
  if (url == nullptr) return std::nullopt;
  static int made = 0;
  const auto schema = "test_" + std::to_string(::getpid()) + "_" + std::to_string(++made);
  static auto server = store::PostgresqlConnection::connect(url);
  server->execute("CREATE SCHEMA " + schema);
  return std::string(url) + "&options=-csearch_path%3D" + schema;
}

boost::test_tools::assertion_result OnSqlite::operator()(boost::unit_test::test_unit_id) const {
  return std::getenv("DRYDOCK_TEST_POSTGRESQL") == nullptr;
}

std::string schema_of(const std::string& url) {
  return url.substr(url.rfind("%3D") + 3);
}

store::Database fresh_database() {
  if (const auto url = fresh_postgresql()) return store::Database::open({{}, *url}, store::Access::read_write);
  return store::Database::in_memory();
}

std::int64_t writes_of_others(store::Database& db) {
  if (db.engine() == store::Engine::sqlite) return store::query_integer(db, "PRAGMA data_version");
  std::int64_t sum = 0;
  for (const auto* table : {"devices", "device_modules", "history", "updates", "update_steps", "settings"})
    sum += store::query_integer(
        db, std::string("SELECT coalesce(CAST(sum(CAST(CAST(xmin AS TEXT) AS BIGINT)) AS BIGINT), 0) FROM ") + table);
  return sum;
}

store::Location fresh_location(const std::filesystem::path& file) {
  return {file, fresh_postgresql().value_or("")};
}

}  // namespace drydock::testing
