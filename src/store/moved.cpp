#include "store/moved.hpp"

#include "store/access.hpp"
#include "store/postgresql_values.hpp"

#include <array>
#include <fmt/core.h>
#include <unistd.h>

namespace drydock::store {
namespace {

constexpr const char* moved_setting = "moved_to";
constexpr const char* unfinished_setting = "unfinished_move_from";

}  // namespace

void note_unfinished_move(Database& to, const Location& from) {
  save_setting(to, unfinished_setting, where(from));
}

void finish_move(Database& to) {
  (void)to.transact([](Database& db) -> Result<void> {
    remove_setting(db, unfinished_setting);
    remove_setting(db, moved_setting);  // it comes along when a move is made once more
    return {};
  });
}

std::optional<std::string> unfinished_move_from(Database& db) {
  return load_setting(db, unfinished_setting);
}

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
  if (const auto from = unfinished_move_from(db))
    throw StoreError(
        fmt::format("a move from {} to {} was interrupted: make it once more with 'drydock store move', with the "
                    "configuration that it began with",
            *from, here));
  const auto there = moved_to(db);
  if (!there) return;
  const bool to_postgresql = there->find("://") != std::string::npos;
  throw StoreError(fmt::format(
      "everything in {} was moved to {}, and what is left here is old: {} below [store] in the configuration. If that "
      "database is lost, restore a backup: 'drydock restore FILE --replace'",
      here, *there, to_postgresql ? "name that one as 'url'" : "take 'url' out"));
}

}  // namespace drydock::store
