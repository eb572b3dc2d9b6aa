// Who the program is while it works. Under sudo it acts as the owner of the state folder, so that nothing in there
// comes to belong to root, which the service could then not use; what the person names is read and written as the
// person.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <filesystem>

namespace drydock::cli {

/// From now on, as root only: acts as the folder's owner, if the folder is there and belongs to somebody else.
void act_as_owner_of(const std::filesystem::path& state_folder);

/// From here on there is no way back: for what stays and listens to strangers.
void give_up_root();

/// As long as it lives: as the caller.
class AsCaller {
public:
  AsCaller();
  ~AsCaller();
  AsCaller(const AsCaller&) = delete;
  AsCaller& operator=(const AsCaller&) = delete;
};

/// Within an AsCaller: as the owner again.
class AsOwner {
public:
  AsOwner();
  ~AsOwner();
  AsOwner(const AsOwner&) = delete;
  AsOwner& operator=(const AsOwner&) = delete;
};

/// A file that the person named, read as the person. ErrorKind::not_found, ErrorKind::too_large, ErrorKind::storage.
Result<Bytes> read_named(const std::filesystem::path& file, std::size_t limit);

}  // namespace drydock::cli
