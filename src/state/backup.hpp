// Everything of a state folder in one file, and back: database, keys and module files.
#pragma once

#include "state/state_folder.hpp"

#include <fstream>
#include <functional>

namespace drydock::state {

struct BackupContents {
  int devices = 0;
  int modules = 0;
  std::uintmax_t bytes = 0;
};

/// May be called while the service runs. `to` must not be there yet; it is made for its owner only, for it holds the
/// keys. Errors are the person's to read; then nothing is left behind. `as_owner` does something as the owner of the
/// state folder, where the caller is somebody else (root): what is in there is read in no other way, and no link is
/// followed.
using AsOwner = std::function<void(const std::function<void()>&)>;
Result<BackupContents> back_up(
    const StateFolder& folder, const std::filesystem::path& to,
    const AsOwner& as_owner = [](const auto& work) { work(); });

/// `from` is an open backup, `name` what the person calls it. What is in the folder already is a conflict, or with
/// `replace` moved into a folder beside it, whose name comes back in `moved_to`: what a PostgreSQL held is a backup in
/// there. ErrorKind::conflict while a service runs.
struct Restored {
  BackupContents contents;
  std::filesystem::path moved_to;
};
/// Prepared beside what is there, and committed as a whole: a failure before that changes nothing, an interruption
/// behind it is for finish_restore().
Result<Restored> restore(const StateFolder& folder, std::istream& from, const std::string& name, bool replace);

/// Where an interrupted restore had been decided already. ErrorKind::conflict when it was into a PostgreSQL which the
/// folder does not name any more. Where the old contents are now; empty when there were none.
Result<std::filesystem::path> finish_restore(const StateFolder& folder);

/// Where the page puts what is to be restored.
inline std::filesystem::path uploaded_backup(const StateFolder& folder) {
  return folder.root / "uploaded.backup";
}

}  // namespace drydock::state
