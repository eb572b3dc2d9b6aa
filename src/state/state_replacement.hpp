// The state folder's contents exchanged for others as a whole. The new ones lie complete in a folder beside the old
// ones; one rename commits them; what follows can be interrupted anywhere and is finished later.
#pragma once

#include "state/state_folder.hpp"

#include <functional>

namespace drydock::state::state_replacement {

/// Where the new contents are put together, emptied of what an interrupted try left. For its owner only.
Result<StateFolder> prepare(const StateFolder& folder);
/// Nothing has been decided: takes it away again.
void discard(const StateFolder& folder);

/// Decided and not finished: nobody may use the folder meanwhile.
bool is_unfinished(const StateFolder& folder);
/// ErrorKind::conflict in that case, with words that say what to do.
Result<void> require_finished(const StateFolder& folder);

/// In what was prepared, this file goes into the folder with what was there before.
inline constexpr const char* kept_file = "database.backup";

/// What belongs to the exchange and happens elsewhere, when everything is in its place: until it succeeded, the
/// exchange is unfinished. It may run again after it succeeded.
using Completion = std::function<Result<void>()>;

/// Commits what was prepared, and moves what was there before aside: into the folder it returns, empty when
/// nothing was there. When something fails everything is as it was before, or the words say that finish() has to be
/// called.
Result<std::filesystem::path> commit(const StateFolder& folder, const Completion& completion = {});
/// Goes on where commit() was interrupted. ErrorKind::not_found when nothing is unfinished.
Result<std::filesystem::path> finish(const StateFolder& folder, const Completion& completion = {});
/// Whether what is unfinished has a completion.
bool needs_completion(const StateFolder& folder);

}  // namespace drydock::state::state_replacement
