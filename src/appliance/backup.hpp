// Everything of a state folder in one file, and back: database, keys and module files.
#pragma once

#include "appliance/state_folder.hpp"

#include <fstream>

namespace drydock::appliance {

struct BackupContents {
  int devices = 0;
  int modules = 0;
  std::uintmax_t bytes = 0;
};

/// May be called while the service runs. `to` must not be there yet; it is made for its owner only, for it holds the keys. Errors
/// are the person's to read; then nothing is left behind.
Result<BackupContents> back_up(const StateFolder& folder, const std::filesystem::path& to);

/// `from` is an open backup, `name` what the person calls it. What is in the folder already is a conflict, or with `replace` moved
/// into a folder beside it, whose name comes back in `moved_to`. Kind::conflict while a service runs.
struct Restored {
  BackupContents contents;
  std::filesystem::path moved_to;
};
Result<Restored> restore(const StateFolder& folder, std::istream& from, const std::string& name, bool replace);

}  // namespace drydock::appliance
