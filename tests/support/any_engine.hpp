// The engine that tests of the store run on: SQLite, or the PostgreSQL whose address DRYDOCK_TEST_POSTGRESQL gives, as
// tests/postgresql/with_server does.
#pragma once

#include "store/database.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <optional>
#include <string>

namespace drydock::testing {

/// Of a database of its own at that server, empty; nothing when tests run on SQLite.
std::optional<std::string> fresh_postgresql();

/// For tests of what only SQLite has: their precondition.
struct OnSqlite {
  boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id) const;
};
inline constexpr OnSqlite on_sqlite;

/// Which part of that server such an address stands for.
std::string schema_of(const std::string& url);

/// An empty database: SQLite's in memory, or such a one.
store::Database fresh_database();

/// Changes when another connection has written something.
std::int64_t writes_of_others(store::Database& db);

/// SQLite's `file`, or such a one, for tests that open it several times.
store::Location fresh_location(const std::filesystem::path& file);

}  // namespace drydock::testing
