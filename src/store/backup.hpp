// A backup is one SQLite file: a consistent copy of the database, and the files that belong to it as rows.
#pragma once

#include "base/bytes.hpp"
#include "store/database.hpp"

#include <string>
#include <vector>

namespace SQLite {
class Database;
}

namespace drydock::store {

/// Copies the database as it is at this moment, whoever else uses it, into `file`, which must be empty or not there.
/// Left out are DTLS sessions: restored twice, their sequence numbers would repeat. Throws StoreError.
class NewBackup {
public:
  NewBackup(Database& db, const std::filesystem::path& file);
  ~NewBackup();
  /// The SHA-256s of the library in the copy.
  std::vector<std::string> modules();
  void add(const std::string& name, ByteView content);
  /// Only then it is one.
  void finish();

private:
  std::filesystem::path file_;
  std::unique_ptr<SQLite::Database> sql_;
};

/// Turns a copy of a backup into a database in place. Throws StoreError when it is no whole backup, or a newer
/// program's.
class OldBackup {
public:
  explicit OldBackup(const std::filesystem::path& file);
  ~OldBackup();
  std::vector<std::string> names();
  Bytes content(const std::string& name);
  int devices();
  int schema();
  void become_database();

private:
  std::filesystem::path file_;
  std::unique_ptr<SQLite::Database> sql_;
};

}  // namespace drydock::store
