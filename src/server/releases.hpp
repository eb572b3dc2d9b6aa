// Releases as people make them: each function is one change of the database; errors are for people.
#pragma once

#include "store/releases.hpp"

#include <string>
#include <vector>

namespace drydock::server {

/// ErrorKind::malformed says what a name must be.
Result<void> usable_release_name(const std::string& name);

/// From files of the library, by name or the beginning of their SHA-256. ErrorKind::conflict: there is one of that
/// name, or two files fill one slot of a platform; ErrorKind::malformed: no usable name.
Result<store::ReleaseRow> create_release(store::Database& db, const std::string& name,
    const std::vector<std::string>& files, const std::string& notes, std::int64_t utc_now);
/// What its files need and it has not: devices must have that.
std::vector<std::string> needs_of(const store::ReleaseRow& release);
/// ErrorKind::conflict when it was ever rolled out, or is what devices shall have.
Result<void> remove_release(store::Database& db, const std::string& name);

}  // namespace drydock::server
