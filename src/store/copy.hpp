// Everything of one database in another, of whichever engine: what `drydock store move` and backups of a PostgreSQL
// are made of.
#pragma once

#include "store/database.hpp"

#include <functional>
#include <span>

namespace drydock::store {

/// A table and its columns, in an order in which rows find what they refer to. Columns that triggers fill are left out,
/// and files, which lie elsewhere with each engine.
struct CopiedTable {
  struct Column {
    enum class Type { integer, text, bytes };
    const char* name;
    Type type;
  };
  const char* name;
  std::vector<Column> columns;
  bool numbers_itself = false;  ///< its first column is given by the database to new rows
};
std::span<const CopiedTable> copied_tables();

/// Whether it holds a device, a module or a password.
bool is_used(Database& db);

/// Whether every table can be read and written, tried in a transaction that is taken back: words when not, empty when
/// all is well.
std::string fault_of(Database& db);

/// Empties `to` and copies all of `from`, each in one transaction, then reads both and compares. Texts that PostgreSQL
/// cannot store are told apart by nobody: see storable_text(). `progress` hears of each table and the rows so far; what
/// `before_commit` writes is in the same transaction. Throws StoreError; then `to` is as it was.
void copy_database(Database& from, Database& to,
    const std::function<void(const std::string& table, std::int64_t rows)>& progress = {},
    const std::function<void(Database& to)>& before_commit = {});

}  // namespace drydock::store
