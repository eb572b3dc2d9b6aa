// Named sets of files of the library.
#pragma once

#include "firmware/library.hpp"
#include "store/database.hpp"

#include <optional>

namespace drydock::store {

/// A named set of files, which never changes.
struct ReleaseRow {
  std::string name;
  std::string notes;
  std::int64_t created = 0;                      ///< UTC milliseconds
  std::vector<firmware::LibraryModule> modules;  ///< those that are still in the library
  std::size_t missing = 0;                       ///< files that are not
};

void add_release(Database& db, const ReleaseRow& release);
std::vector<ReleaseRow> load_releases(Database& db);
std::int64_t count_releases(Database& db);
std::optional<ReleaseRow> load_release(Database& db, const std::string& name);
bool remove_release(Database& db, const std::string& name);
/// The names of those that have this file.
std::vector<std::string> releases_with(Database& db, const std::string& sha256);

}  // namespace drydock::store
