// What people changed, from whichever process: a running service asks for what is behind the last revision it saw, and
// looks at that again, at nothing else.
#pragma once

#include "store/database.hpp"

#include <cstdint>
#include <vector>

namespace drydock::store {

/// What a change can be about, beside the one device whose id it names.
namespace subject {
inline constexpr const char* every_device = "devices";
inline constexpr const char* modules = "modules";
inline constexpr const char* settings = "settings";
inline constexpr const char* rollouts = "rollouts";
inline constexpr const char* access = "access";              ///< who may use the page
inline constexpr const char* integrations = "integrations";  ///< who is told outside
}  // namespace subject

struct Change {
  std::int64_t revision = 0;
  std::string subject;
};

/// Called by the functions of this layer that change what belongs to people.
void note_change(Database& db, const std::string& subject);
/// For whoever writes to `changes` by other ways: before the first.
void order_changes(Database& db);
/// Those with a larger revision, the oldest first; of each subject the latest only.
std::vector<Change> changes_since(Database& db, std::int64_t revision);
std::int64_t latest_change(Database& db);

}  // namespace drydock::store
