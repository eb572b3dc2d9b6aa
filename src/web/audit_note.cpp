#include "web/audit_note.hpp"

#include "base/clock.hpp"
#include "store/audit.hpp"

#include <fmt/core.h>

namespace drydock::web {

void note_change(LoopBridge& bridge, const Identity& who, const char* via, std::string what, const Response& response) {
  store::AuditRow row;
  row.at = utc_milliseconds();
  row.who = who.name.empty() ? "the owner" : who.name;
  row.via = via;
  row.what = log::printable(what);
  row.outcome = response.status < 300 ? "done" : fmt::format("refused ({})", response.status);
  bridge.write_soon([row](store::Database& db) { store::append_audit(db, row); });
}

}  // namespace drydock::web
