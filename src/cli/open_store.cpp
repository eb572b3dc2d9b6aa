#include "cli/open_store.hpp"

#include <cerrno>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drydock::cli {

void require_access(const appliance::StateFolder& folder) {
  if (::access(folder.root.c_str(), R_OK | X_OK) == 0 || errno != EACCES) return;
  struct stat found {};
  const passwd* owner = ::stat(folder.root.c_str(), &found) == 0 ? ::getpwuid(found.st_uid) : nullptr;
  throw store::StoreError("the state folder " + folder.root.string() + " belongs to " + (owner != nullptr ? owner->pw_name : "somebody else") + ": put sudo in front of the command");
}

void require_state(const appliance::StateFolder& folder) {
  require_access(folder);
  if (!folder.exists()) throw store::StoreError("there is nothing in " + folder.root.string() + " yet. Is it the right state folder (--state)? 'drydock serve' makes one");
}

}  // namespace drydock::cli
