#include "store/moved.hpp"

#include "store/access.hpp"

#include <fmt/core.h>

namespace drydock::store {
namespace {

constexpr const char* moved_setting = "moved_to";

}  // namespace

void note_moved(Database& from, const Location& to) {
  (void)from.transact([&](Database& db) -> Result<void> {
    save_setting(db, moved_setting, shown(to));
    return {};
  });
}

void require_not_moved(Database& db, const std::string& here) {
  const auto where = load_setting(db, moved_setting);
  if (!where) return;
  const bool to_postgresql = where->find("://") != std::string::npos;
  throw StoreError(fmt::format(
      "everything in {} was moved to {}, and what is left here is old: {} below [store] in the configuration. If that "
      "database is lost, restore a backup: 'drydock restore FILE --replace'",
      here, *where, to_postgresql ? "name that one as 'url'" : "take 'url' out"));
}

}  // namespace drydock::store
