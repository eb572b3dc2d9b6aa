#include "state/backup.hpp"

#include "state/module_fetch.hpp"
#include "state/server_keys.hpp"
#include "state/state_replacement.hpp"
#include "state/store_move.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "crypto/hash.hpp"
#include "firmware/files.hpp"
#include "store/backup.hpp"
#include "store/copy.hpp"
#include "store/devices.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <optional>
#include <unistd.h>

namespace drydock::state {
namespace {

using std::filesystem::path;

constexpr std::size_t largest_key_file = 16 * 1024;
const std::string firmware_prefix = "firmware/";

// A name in the state folder, nothing else: a backup may come from anywhere.
bool is_expected(const std::string& name) {
  if (name == "server_key.pem" || name == "server_key_udp.pem") return true;
  if (!name.starts_with(firmware_prefix)) return false;
  const auto sha256 = name.substr(firmware_prefix.size());
  return sha256.size() == 64 && sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Error exists_already(const path& file) {
  return {ErrorKind::conflict,
      fmt::format("{} exists already: choose another name, for a backup is never overwritten", file.string())};
}

Result<void> make_for_owner_only(const path& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) return tl::unexpected(exists_already(file));
  if (fd < 0)
    return failure(ErrorKind::storage, fmt::format("{} cannot be written: {}", file.string(), std::strerror(errno)));
  ::close(fd);
  return {};
}

// Whether what is missing or damaged is a failure, or left out.
enum class Whole { required, as_far_as_possible };

// Reads one by one what the folder holds, each as its owner: it may have been made to point elsewhere by whoever is not
// the one who calls this.
Result<BackupContents> fill(const StateFolder& folder, const path& to, Whole whole, const AsOwner& as_owner) {
  std::optional<store::Database> db;
  as_owner([&] {
    const auto moved = whole == Whole::required ? store::Moved::refuse : store::Moved::allow;
    db.emplace(store::Database::open(folder.location(), store::Access::read_only, moved));
    (void)store::count_all_devices(*db);  // opens what lies beside the database too
  });
  if (db->engine() == store::Engine::postgresql && whole == Whole::required) {
    Result<void> same;  // one that is missing is told below
    as_owner([&] {
      if (const auto keys = load_server_keys(folder)) same = refuse_other_keys(*db, *keys);
    });
    if (!same) return tl::unexpected(same.error());
  }
  store::NewBackup backup(*db, to);
  for (const auto& key : {folder.server_key(), folder.udp_server_key()}) {
    Result<Bytes> content;
    as_owner([&] { content = firmware::read_file(key, largest_key_file, firmware::Links::refuse); });
    if (!content && whole == Whole::as_far_as_possible) continue;
    if (!content && content.error().kind == ErrorKind::not_found)
      return failure(ErrorKind::conflict,
          fmt::format("{} is missing, and a backup without it would be worth little: 'drydock check' says what to do",
              key.string()));
    if (!content) return tl::unexpected(content.error());
    backup.add(key.filename().string(), *content);
  }
  BackupContents contents;
  const firmware::ModuleFiles files(folder.firmware(), module_fetch(folder));
  for (const auto& sha256 : backup.modules()) {
    Result<std::shared_ptr<const Bytes>> content;
    as_owner([&] { content = files.load(sha256); });
    if (!content && whole == Whole::as_far_as_possible) continue;
    if (!content)
      return failure(content.error().kind,
          content.error().message + ". Remove it with 'drydock firmware remove', or add it again, and try once more");
    backup.add(firmware_prefix + sha256, **content);
    ++contents.modules;
  }
  contents.devices = static_cast<int>(store::count_all_devices(*db));
  backup.finish();
  firmware::sync(to);
  contents.bytes = std::filesystem::file_size(to);
  return contents;
}

Result<void> copy(std::istream& from, const path& to) {
  std::ofstream out(to, std::ios::binary | std::ios::trunc);
  std::filesystem::permissions(to, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  out << from.rdbuf();
  if (!out.flush() || from.bad())
    return failure(ErrorKind::storage, fmt::format("{} cannot be written: is there space left?", to.string()));
  return {};
}

bool holds_something(const StateFolder& folder) {
  return std::filesystem::exists(folder.database()) || std::filesystem::exists(folder.server_key()) ||
      std::filesystem::exists(folder.udp_server_key());
}

// Before anything is changed.
Result<void> check(store::OldBackup& backup) {
  constexpr int first_schema_with_udp = 3;
  const auto names = backup.names();
  for (const auto* key : {"server_key.pem", "server_key_udp.pem"}) {
    const bool expected = std::string_view(key) == "server_key.pem" || backup.schema() >= first_schema_with_udp;
    if (expected && std::find(names.begin(), names.end(), key) == names.end())
      return failure(ErrorKind::malformed, fmt::format("it does not hold {}, by which devices know the server", key));
  }
  for (const auto& name : names) {
    if (!is_expected(name))
      return failure(ErrorKind::malformed, fmt::format("there is something strange in it, '{}'", log::printable(name)));
    const bool is_module = name.starts_with(firmware_prefix);
    if (is_module && to_hex(crypto::sha256(backup.content(name))) != name.substr(firmware_prefix.size()))
      return failure(ErrorKind::malformed, fmt::format("{} in it is damaged", name));
    if ((name == "server_key.pem" && !crypto::RsaPrivateKey::parse(backup.content(name))) ||
        (name == "server_key_udp.pem" && !crypto::EcPrivateKey::parse(backup.content(name))))
      return failure(ErrorKind::malformed, fmt::format("{} in it, by which devices know the server, is damaged", name));
  }
  return {};
}

Result<BackupContents> unpack(store::OldBackup& backup, const StateFolder& folder) {
  BackupContents contents;
  const firmware::ModuleFiles files(folder.firmware(), module_fetch(folder));
  for (const auto& name : backup.names()) {
    const auto content = backup.content(name);
    const bool is_module = name.starts_with(firmware_prefix);
    const auto written = is_module ? files.save(name.substr(firmware_prefix.size()), content).map([](bool) {})
                                   : firmware::write_file(folder.root / name, content);
    if (!written) return tl::unexpected(written.error());
    contents.modules += static_cast<int>(is_module);
  }
  contents.devices = backup.devices();
  return contents;
}

}  // namespace

Result<BackupContents> back_up(const StateFolder& folder, const path& to, const AsOwner& as_owner) {
  if (std::filesystem::exists(to)) return tl::unexpected(exists_already(to));
  // Killed in the middle, it leaves nothing that looks like a backup or is in the way of the next.
  const path partial = to.string() + ".partial";
  std::filesystem::remove(partial);
  if (auto made = make_for_owner_only(partial); !made) return tl::unexpected(made.error());
  auto contents = [&]() -> Result<BackupContents> {
    try {
      auto filled = fill(folder, partial, Whole::required, as_owner);
      if (filled) std::filesystem::rename(partial, to);
      if (filled) firmware::sync(to.parent_path());
      return filled;
    } catch (const std::exception& e) {
      return failure(ErrorKind::storage, e.what());
    }
  }();
  if (!contents) std::filesystem::remove(partial);
  return contents;
}

namespace {

// What a PostgreSQL holds is overwritten, not moved aside as files are: a backup of it is kept.
Result<void> keep_database(const StateFolder& folder, store::Database& database, const StateFolder& fresh) {
  if (!store::is_used(database)) return {};
  const auto file = fresh.root / state_replacement::kept_file;
  if (auto made = make_for_owner_only(file); !made) return tl::unexpected(made.error());
  const auto kept = fill(folder, file, Whole::as_far_as_possible, [](const std::function<void()>& work) { work(); });
  if (!kept) return tl::unexpected(kept.error());
  return {};
}

state_replacement::Completion completion_of(const StateFolder& folder, std::optional<store::Database>& database) {
  if (!database) return {};
  return [&folder, &database]() -> Result<void> {
    const auto filled = fill_from_folder(folder, *database);
    if (filled) return {};
    return failure(
        filled.error().kind, fmt::format("{}: what was restored is not in there yet", filled.error().message));
  };
}

// Reached before anything is changed.
Result<void> take_database(const StateFolder& folder, bool replace, std::optional<store::Database>& database) {
  if (folder.store_url.empty()) return {};
  auto taken = take_destination(folder.location(), replace);
  if (!taken) return tl::unexpected(taken.error());
  database.emplace(std::move(*taken));
  return {};
}

}  // namespace

Result<Restored> restore(const StateFolder& folder, std::istream& from, const std::string& name, bool replace) {
  if (auto made = folder.create(); !made) return tl::unexpected(made.error());
  const auto lock = ServiceLock::take(folder);
  if (!lock)
    return failure(ErrorKind::conflict, lock.error().message + ": stop it first ('sudo systemctl stop drydock')");
  if (auto finished = state_replacement::require_finished(folder); !finished) return tl::unexpected(finished.error());
  if (holds_something(folder) && !replace)
    return failure(ErrorKind::conflict,
        fmt::format("there are devices or keys in {} already: --replace moves them aside", folder.root.string()));
  std::optional<store::Database> database;
  if (auto taken = take_database(folder, replace, database); !taken)
    return failure(taken.error().kind, taken.error().message + ". Nothing was changed");
  const auto work = [&]() -> Result<Restored> {
    const auto fresh = state_replacement::prepare(folder);
    if (!fresh) return tl::unexpected(fresh.error());
    if (auto copied = copy(from, fresh->database()); !copied) return tl::unexpected(copied.error());
    store::OldBackup backup(fresh->database());
    if (auto good = check(backup); !good)
      return failure(good.error().kind, fmt::format("{}: {}", name, good.error().message));
    auto contents = unpack(backup, *fresh);
    if (!contents) return failure(contents.error().kind, fmt::format("{}: {}", name, contents.error().message));
    backup.become_database();
    firmware::sync(fresh->database());
    if (database)
      if (const auto kept = keep_database(folder, *database, *fresh); !kept) return tl::unexpected(kept.error());
    const auto moved_to = state_replacement::commit(folder, completion_of(folder, database));
    if (!moved_to) return tl::unexpected(moved_to.error());
    return Restored{*contents, *moved_to};
  };
  Result<Restored> restored = [&]() -> Result<Restored> {
    try {
      return work();
    } catch (const std::exception& e) {
      return failure(ErrorKind::storage, fmt::format("{}: {}", name, e.what()));
    }
  }();
  if (!restored) {
    state_replacement::discard(folder);
    if (!state_replacement::is_unfinished(folder)) restored.error().message += ". Nothing was changed";
  }
  return restored;
}

Result<std::filesystem::path> finish_restore(const StateFolder& folder) {
  const auto lock = ServiceLock::take(folder);
  if (!lock)
    return failure(ErrorKind::conflict, lock.error().message + ": stop it first ('sudo systemctl stop drydock')");
  std::optional<store::Database> database;
  if (state_replacement::needs_completion(folder)) {
    if (folder.store_url.empty())
      return failure(ErrorKind::conflict,
          "the restore was into a PostgreSQL: name it again as 'url' below [store] in the configuration");
    if (auto taken = take_database(folder, true, database); !taken) return tl::unexpected(taken.error());
  }
  return state_replacement::finish(folder, completion_of(folder, database));
}

}  // namespace drydock::state
