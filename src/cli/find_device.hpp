#pragma once

#include "base/result.hpp"
#include "cli/commands.hpp"
#include "server/commands.hpp"
#include "store/database.hpp"

#include <string>
#include <vector>

namespace drydock::cli {

/// As commands name a device that they change: also in other letters, and where a person sits at it by the beginning of
/// its name. A script that runs a second time must not find another device by the name of one that is gone.
Result<store::DeviceRow> find_device(store::Database& db, const std::string& name);
/// ErrorKind::malformed when it is said in two ways, or not at all; ErrorKind::not_found: of the platform.
Result<void> check_selection(const DeviceSelection& selection);
/// In words.
std::string nobody_is(const DeviceSelection& selection);
/// What a person chose. The same errors; ErrorKind::not_found.
Result<std::vector<store::DeviceRow>> select_devices(store::Database& db, const DeviceSelection& selection);
/// The ids of all of them, or what is wrong with the first that is not found.
Result<std::vector<std::string>> ids_of(store::Database& db, const std::vector<std::string>& names);

}  // namespace drydock::cli
