#include "state/module_fetch.hpp"

#include "crypto/hash.hpp"
#include "store/modules.hpp"

#include <fmt/core.h>

namespace drydock::state {

firmware::ModuleFiles::Fetch module_fetch(const StateFolder& folder) {
  if (folder.store_url.empty()) return {};
  return [location = folder.location()](const std::string& sha256) -> Result<Bytes> {
    try {
      auto db = store::Database::open(location, store::Access::read_only);
      auto content = store::load_module_file(db, sha256);
      if (!content)
        return failure(ErrorKind::not_found, fmt::format("the database has no file {}: add it again", sha256));
      if (to_hex(crypto::sha256(*content)) != sha256)
        return failure(
            ErrorKind::storage, fmt::format("the file {} is damaged in the database: add the module again", sha256));
      return *content;
    } catch (const std::exception& e) {
      return failure(ErrorKind::storage, e.what());
    }
  };
}

}  // namespace drydock::state
