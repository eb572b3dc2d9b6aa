// The database from where it is to the other engine.
#pragma once

#include "state/state_folder.hpp"

namespace drydock::state {

struct StoreMove {
  std::int64_t devices = 0;
  int modules = 0;
};

/// Copies everything of the folder's database into `to`, and module files with it, and verifies the copy. What was used
/// stays as it is, but says from then on that it was moved, and for the sessions of UDP devices: those go with the
/// move, for no two databases may count their numbers. ErrorKind::conflict while a service uses one of them, or when
/// `to` holds something and `replace` is not given.
Result<StoreMove> move_store(const StateFolder& folder, const store::Location& to, bool replace);

/// Opens what is to be written over, and keeps services away from it. ErrorKind::conflict when one uses it, or when it
/// holds something and `replace` is not given, unless that was moved to `from`; ErrorKind::storage when it cannot be
/// reached or written.
Result<store::Database> take_destination(
    const store::Location& to, bool replace, const store::Location* from = nullptr);

/// ErrorKind::conflict when `db`, the folder's PostgreSQL, is empty while SQLite's database in the folder is not: then
/// a move was forgotten, or the address is wrong.
Result<void> require_nothing_left_behind(const StateFolder& folder, store::Database& db);

/// The same from SQLite's database in the folder, which may say that it was moved already: an interrupted one is gone
/// on with. The folder and `to` are the caller's alone.
Result<StoreMove> fill_from_folder(const StateFolder& folder, store::Database& to);

}  // namespace drydock::state
