// Who changed what, and when: kept for the last limits::audit_entries changes.
#pragma once

#include "store/database.hpp"

#include <string>
#include <vector>

namespace drydock::store {

struct AuditRow {
  std::int64_t id = 0;
  std::int64_t at = 0;  ///< UTC milliseconds
  std::string who;      ///< a user's name, "the owner", a token's name, or an account of the machine
  std::string via;      ///< "page", "api", "cloud api", "command line"
  std::string what;     ///< the command, or the request
  std::string outcome;  ///< "done", or why it was not
};

/// Gives its number.
std::int64_t append_audit(Database& db, const AuditRow& row);
void set_audit_outcome(Database& db, std::int64_t id, const std::string& outcome);
/// The latest first; `before`: only such with a smaller number (0: all).
std::vector<AuditRow> load_audit(Database& db, std::int64_t before, int limit);

}  // namespace drydock::store
