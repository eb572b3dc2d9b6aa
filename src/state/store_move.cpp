#include "state/store_move.hpp"

#include "state/module_fetch.hpp"
#include "state/server_keys.hpp"
#include "store/copy.hpp"
#include "store/devices.hpp"
#include "store/dtls_sessions.hpp"
#include "store/modules.hpp"
#include "store/moved.hpp"

#include <fmt/core.h>

namespace drydock::state {
namespace {

// To the place where the new database looks for them.
Result<void> copy_file(
    const firmware::ModuleFiles& files, const StateFolder& folder, store::Database& to, const std::string& sha256) {
  const auto content = files.load(sha256);
  if (!content) return tl::unexpected(content.error());
  if (to.engine() == store::Engine::sqlite)
    return firmware::ModuleFiles(folder.firmware()).save(sha256, **content).map([](bool) {});
  return to.transact([&](store::Database& db) -> Result<void> {
    store::save_module_file(db, sha256, **content);
    return {};
  });
}

// Throws StoreError.
Result<StoreMove> copy_everything(const StateFolder& folder, store::Database& source, const store::Location& origin,
    store::Database& to, const store::Location& destination) {
  const auto keys = load_or_create_server_keys(folder);
  if (!keys) return tl::unexpected(keys.error());
  if (source.engine() == store::Engine::postgresql)
    if (auto same = refuse_other_keys(source, *keys); !same) return tl::unexpected(same.error());
  // Otherwise it could not be said of it, in the end, that it was moved.
  if (const auto fault = store::fault_of(source); !fault.empty())
    return failure(ErrorKind::storage,
        fmt::format("what is to be moved cannot be written: {}. Nothing was changed. 'drydock backup' reads it all the "
                    "same, and 'drydock restore' brings that back elsewhere",
            fault));
  const auto mark = [&](store::Database& copy) { store::note_unfinished_move(copy, origin); };
  store::copy_database(source, to, {}, mark);
  if (to.engine() == store::Engine::postgresql)
    if (auto same = require_same_keys(to, *keys); !same) return tl::unexpected(same.error());
  StoreMove moved;
  const firmware::ModuleFiles files(folder.firmware(), module_fetch(folder));
  const auto library = store::load_library(to);
  for (const auto* module : library.all()) {
    if (auto copied = copy_file(files, folder, to, module->sha256); !copied)
      return failure(copied.error().kind,
          fmt::format("{}: {}. The new database is not complete: move once more, with --replace", module->file_name,
              copied.error().message));
    ++moved.modules;
  }
  moved.devices = store::count_all_devices(to);
  store::forget_all_dtls_sessions(source);
  store::note_moved(source, destination);
  store::finish_move(to);
  return moved;
}

// Behind the mark at its source, and before its end: then it is made once more, from what is old by that mark.
bool was_interrupted(store::Database& source, const store::Location& from, const store::Location& to) {
  if (store::moved_to(source) != store::where(to)) return false;
  auto copy = store::Database::open(to, store::Access::read_write, store::Moved::allow);
  return store::unfinished_move_from(copy) == store::where(from);
}

}  // namespace

Result<store::Database> take_destination(const store::Location& to, bool replace, const store::Location* from) {
  try {
    auto db = store::Database::open(to, store::Access::read_write, store::Moved::allow);
    if (!db.claim(store::Claim::exclusive))
      return failure(ErrorKind::conflict, fmt::format("a Drydock runs on {}: stop it first", store::shown(to)));
    if (const auto fault = store::fault_of(db); !fault.empty())
      return failure(ErrorKind::storage,
          fmt::format(
              "the database {} cannot be written: {}. Mend that there, or make an empty one and name it instead",
              store::shown(to), fault));
    // What was moved from there to where it comes from now is old.
    const bool is_old = from != nullptr &&
        (store::moved_to(db) == store::where(*from) || store::unfinished_move_from(db) == store::where(*from));
    if (!replace && !is_old && store::is_used(db))
      return failure(ErrorKind::conflict,
          fmt::format("there are devices or firmware in {} already: --replace overwrites them", store::shown(to)));
    return db;
  } catch (const store::StoreError& e) {
    return failure(ErrorKind::storage, e.what());
  }
}

Result<StoreMove> fill_from_folder(const StateFolder& folder, store::Database& to) {
  try {
    auto source = store::Database::open({folder.database(), ""}, store::Access::read_write, store::Moved::allow);
    // What is fetched is beside it.
    return copy_everything({folder.root}, source, {folder.database(), ""}, to, folder.location());
  } catch (const std::exception& e) {
    return failure(ErrorKind::storage, e.what());
  }
}

Result<StoreMove> move_store(const StateFolder& folder, const store::Location& to, bool replace) {
  if (to.url == folder.store_url)
    return failure(ErrorKind::conflict,
        fmt::format("the database is in {} already. If {} is to go there, take 'url' out of the configuration before",
            store::shown(to), folder.database().string()));
  if (folder.store_url.empty() && !std::filesystem::exists(folder.database()))
    return failure(ErrorKind::not_found, fmt::format("there is no database in {} to move", folder.root.string()));
  const auto lock = ServiceLock::take(folder);
  if (!lock)
    return failure(ErrorKind::conflict, lock.error().message + ": stop it first ('sudo systemctl stop drydock')");
  auto source = store::Database::open(folder.location(), store::Access::read_write, store::Moved::allow);
  if (!was_interrupted(source, folder.location(), to))
    store::require_not_moved(source, store::shown(folder.location()));
  if (!source.claim(store::Claim::exclusive))
    return failure(
        ErrorKind::conflict, fmt::format("a Drydock runs on {}: stop it first", store::shown(folder.location())));
  const auto from = folder.location();
  auto destination = take_destination(to, replace, &from);
  if (!destination) return tl::unexpected(destination.error());
  return copy_everything(folder, source, from, *destination, to);
}

Result<void> require_nothing_left_behind(const StateFolder& folder, store::Database& db) {
  if (folder.store_url.empty() || store::is_used(db) || !std::filesystem::exists(folder.database())) return {};
  auto own = store::Database::open({folder.database(), ""}, store::Access::read_write, store::Moved::allow);
  if (!store::is_used(own)) return {};
  const auto moved = store::moved_to(own);
  return failure(ErrorKind::conflict,
      moved ? fmt::format("{} is empty, and everything was moved to {}: is 'url' in the configuration right?",
                  store::shown(folder.location()), *moved)
            : fmt::format("there are devices or firmware in {}, and {} is empty: take 'url' out of the configuration, "
                          "then 'drydock store move --to' takes them there. To begin anew move that file away",
                  folder.database().string(), store::shown(folder.location())));
}

}  // namespace drydock::state
