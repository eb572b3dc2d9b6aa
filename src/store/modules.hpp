// The library's rows.
#pragma once

#include "firmware/library.hpp"
#include "store/database.hpp"

namespace drydock::store {

/// False when the same file is there already; its name then stays.
bool add_module(Database& db, const firmware::LibraryModule& module, std::int64_t now);
bool remove_module(Database& db, const std::string& sha256);
/// The file of a module that is there, where the database keeps it for all who share it: PostgreSQL does, SQLite not.
void save_module_file(Database& db, const std::string& sha256, const Bytes& content);
/// Nothing where the database has it not.
std::optional<Bytes> load_module_file(Database& db, const std::string& sha256);

firmware::Library load_library(Database& db);
/// Those of its files that are in the library, by their SHA-256.
std::vector<firmware::LibraryModule> load_modules_of_release(Database& db, const std::string& release);

/// How many devices said last that they run it, how many have it for target firmware, and in which releases it is.
struct ModuleUses {
  std::int64_t devices = 0;
  std::int64_t targets = 0;
  std::vector<std::string> releases;
};
ModuleUses count_uses(Database& db, const firmware::LibraryModule& module);

}  // namespace drydock::store
