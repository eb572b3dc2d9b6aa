// Module files that are not in the state folder, from the database that several appliances share.
#pragma once

#include "firmware/files.hpp"
#include "state/state_folder.hpp"

namespace drydock::state {

/// From the folder's PostgreSQL; nothing where there is none. What it gives is checked: ErrorKind::not_found,
/// ErrorKind::storage when it is damaged or the database cannot be reached.
firmware::ModuleFiles::Fetch module_fetch(const StateFolder& folder);

}  // namespace drydock::state
