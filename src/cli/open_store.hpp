// How commands reach the state folder.
#pragma once

#include "state/state_folder.hpp"
#include "cli/commands.hpp"
#include "store/database.hpp"

namespace drydock::cli {

inline state::StateFolder folder_of(const Context& context) {
  return {context.configuration.state_folder, context.configuration.store_url};
}

/// Throws store::StoreError when the folder is another user's.
void require_access(const state::StateFolder& folder);
/// Throws store::StoreError when a restore into it was interrupted.
void require_finished(const state::StateFolder& folder);
/// All that, and when there is nothing in it.
void require_state(const state::StateFolder& folder);

/// For looking. Throws store::StoreError, also when there is no state folder yet.
inline store::Database open_to_read(const Context& context) {
  const auto folder = folder_of(context);
  require_state(folder);
  return store::Database::open(folder.location(), store::Access::read_only);
}

/// For changing; makes the folder, and the server's keys, where there are none. Throws store::StoreError.
store::Database open_to_write(const Context& context);

/// Whether the service runs, here or on another machine with this database: only then anything is connected.
bool is_running(const Context& context, store::Database& db);

/// How a command that changed something ended, for the audit.
void note_outcome(const Context& context, int status);

}  // namespace drydock::cli
