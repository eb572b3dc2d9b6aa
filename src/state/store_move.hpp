// The database from where it is to the other engine.
#pragma once

#include "state/state_folder.hpp"

namespace drydock::state {

struct StoreMove {
  std::int64_t devices = 0;
  int modules = 0;
};

/// Copies everything of the folder's database into `to`, and module files with it, and verifies the copy. What was used
/// stays as it is, but for the sessions of UDP devices: those go with the move, for no two databases may count their
/// numbers. ErrorKind::conflict while a service uses one of them, or when `to` holds something and `replace` is not
/// given.
Result<StoreMove> move_store(const StateFolder& folder, const store::Location& to, bool replace);

}  // namespace drydock::state
