#include "cli/open_store.hpp"

#include "state/state_replacement.hpp"
#include "state/server_keys.hpp"
#include "state/store_move.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "store/audit.hpp"
#include "store/nodes.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drydock::cli {
namespace {

// Of the person, also behind sudo.
std::string account() {
  if (const char* caller = std::getenv("SUDO_USER"); caller != nullptr && ::getuid() == 0) return caller;
  const passwd* user = ::getpwuid(::getuid());
  return user != nullptr ? user->pw_name : std::to_string(::getuid());
}

}  // namespace

store::Database open_to_write(const Context& context) {
  const auto folder = folder_of(context);
  require_access(folder);
  require_finished(folder);
  if (const auto made = folder.create(); !made) throw store::StoreError(made.error().message);
  // Keys come before the database: one without them would mean that they were lost.
  const auto keys = state::load_or_create_server_keys(folder);
  if (!keys) throw store::StoreError(keys.error().message);
  auto db = store::Database::open(folder.location(), store::Access::read_write);
  if (const auto nothing = state::require_nothing_left_behind(folder, db); !nothing)
    throw store::StoreError(nothing.error().message);
  if (db.engine() == store::Engine::postgresql)
    if (const auto same = state::require_same_keys(db, *keys); !same) throw store::StoreError(same.error().message);
  if (context.audit)
    context.audit->id =
        store::append_audit(db, {0, utc_milliseconds(), account(), "command line", context.audit->what, "begun"});
  return db;
}

bool is_running(const Context& context, store::Database& db) {
  const auto oldest = utc_milliseconds() - std::chrono::milliseconds(limits::node_gone).count();
  const auto nodes = store::load_nodes(db);
  return state::ServiceLock::is_taken(folder_of(context)) ||
      std::any_of(nodes.begin(), nodes.end(), [oldest](const auto& node) { return node.seen > oldest; });
}

void note_outcome(const Context& context, int status) {
  if (!context.audit || context.audit->id == 0) return;
  const auto why = last_error_printed();
  try {
    auto db = store::Database::open(folder_of(context).location(), store::Access::read_write);
    store::set_audit_outcome(db, context.audit->id, status == 0 ? "done" : why.empty() ? "failed" : why);
  } catch (const store::StoreError&) {
    // It stays "begun", which is true.
  }
}

void require_finished(const state::StateFolder& folder) {
  if (const auto finished = state::state_replacement::require_finished(folder); !finished)
    throw store::StoreError(finished.error().message);
}

void require_access(const state::StateFolder& folder) {
  if (::access(folder.root.c_str(), R_OK | X_OK) == 0 || errno != EACCES) return;
  struct stat found {};
  const passwd* owner = ::stat(folder.root.c_str(), &found) == 0 ? ::getpwuid(found.st_uid) : nullptr;
  throw store::StoreError("the state folder " + folder.root.string() + " belongs to " +
      (owner != nullptr ? owner->pw_name : "somebody else") + ": put sudo in front of the command");
}

void require_state(const state::StateFolder& folder) {
  require_access(folder);
  require_finished(folder);
  if (!folder.exists())
    throw store::StoreError("there is nothing in " + folder.root.string() +
        " yet. Is it the right state folder (--state)? 'drydock serve' makes one");
}

}  // namespace drydock::cli
