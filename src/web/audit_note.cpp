#include "web/audit_note.hpp"

#include "base/clock.hpp"
#include "store/audit.hpp"

#include <fmt/core.h>

namespace drydock::web {

void note_change(
    service::LoopBridge& bridge, const Identity& who, const char* via, std::string what, const Response& response) {
  // What was refused has changed nothing; and anybody who may change something could fill the list with it.
  if (response.status >= 300 && response.status < 500) return;
  store::AuditRow row;
  row.at = utc_milliseconds();
  // A token of the owner's is called what its maker likes.
  row.who = !who.user.empty() ? who.user : who.by_session ? "owner" : fmt::format("owner (token {})", who.name);
  row.who = log::printable(row.who);
  row.via = via;
  row.what = log::printable(what);
  row.outcome =
      response.status < 300 ? "done" : fmt::format("failed ({}): it may be done all the same", response.status);
  bridge.write_soon([row](store::Database& db) { store::append_audit(db, row); });
}

}  // namespace drydock::web
