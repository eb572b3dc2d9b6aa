// The state folder's contents exchanged for others as a whole. The new ones lie complete in a folder beside the old
// ones; one rename commits them; what follows can be interrupted anywhere and is finished later.
#pragma once

#include "state/state_folder.hpp"

namespace drydock::state::state_replacement {

/// Where the new contents are put together, emptied of what an interrupted try left. For its owner only.
Result<StateFolder> prepare(const StateFolder& folder);
/// Nothing has been decided: takes it away again.
void discard(const StateFolder& folder);

/// Decided and not finished: nobody may use the folder meanwhile.
bool is_unfinished(const StateFolder& folder);
/// ErrorKind::conflict in that case, with words that say what to do.
Result<void> require_finished(const StateFolder& folder);

/// Commits what was prepared, and moves what was there before aside: into the folder it returns, empty when
/// nothing was there. When something fails everything is as it was before, or the words say that finish() has to be
/// called.
Result<std::filesystem::path> commit(const StateFolder& folder);
/// Goes on where commit() was interrupted. ErrorKind::not_found when nothing is unfinished.
Result<std::filesystem::path> finish(const StateFolder& folder);

}  // namespace drydock::state::state_replacement
