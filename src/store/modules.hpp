// The library's rows.
#pragma once

#include "firmware/library.hpp"
#include "store/database.hpp"

namespace drydock::store {

/// False when the same file is there already; its name then stays.
bool add_module(Database& db, const firmware::LibraryModule& module, std::int64_t now);
bool remove_module(Database& db, const std::string& sha256);
firmware::Library load_library(Database& db);

}  // namespace drydock::store
