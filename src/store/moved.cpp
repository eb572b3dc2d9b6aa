#include "store/moved.hpp"

#include "store/access.hpp"
#include "store/postgresql_values.hpp"

#include <array>
#include <fmt/core.h>
#include <unistd.h>

namespace drydock::store {
namespace {

constexpr const char* moved_setting = "moved_to";

}  // namespace

void note_moved(Database& from, const Location& to) {
  (void)from.transact([&](Database& db) -> Result<void> {
    save_setting(db, moved_setting, where(to));
    return {};
  });
}

std::optional<std::string> moved_to(Database& db) {
  return load_setting(db, moved_setting);
}

// A PostgreSQL may be asked by other machines, for which a path says little.
std::string where(const Location& location) {
  if (!location.url.empty()) return shown_url(location.url);
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("{} of {}", std::filesystem::absolute(location.file).lexically_normal().string(), host.data());
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
