#include "state/backup.hpp"

#include "cli/commands.hpp"
#include "cli/identity.hpp"
#include "cli/open_store.hpp"
#include "state/store_move.hpp"
#include "store/copy.hpp"
#include "store/postgresql_values.hpp"

#include <fmt/core.h>

namespace drydock::cli {
namespace {

std::string told(const state::BackupContents& contents) {
  return fmt::format("{} device{}, {} module file{} and the server's keys", contents.devices,
      contents.devices == 1 ? "" : "s", contents.modules, contents.modules == 1 ? "" : "s");
}

// Before anything is changed.
Result<void> require_unused_store(const state::StateFolder& folder, bool replace) {
  if (folder.store_url.empty() || replace) return {};
  auto db = store::Database::open(folder.location(), store::Access::read_write);
  if (!store::is_used(db)) return {};
  return failure(ErrorKind::conflict,
      fmt::format("there are devices or firmware in {} already: --replace overwrites them",
          store::shown_url(folder.store_url)));
}

}  // namespace

int backup(const Context& context, const std::filesystem::path& file) {
  const auto folder = folder_of(context);
  require_state(folder);
  // The file goes where the person may write, and is theirs; what is in the state folder is read as its owner.
  const AsCaller caller;
  const auto as_owner = [](const std::function<void()>& work) {
    const AsOwner owner;
    work();
  };
  const auto contents = state::back_up(folder, std::filesystem::absolute(file), as_owner);
  if (!contents) return print_error(contents.error().message);
  fmt::print("Wrote {} ({} kB): {}.\nKeep it where nobody else can read it: who has the keys can be this server.\n",
      file.string(), contents->bytes / 1024, told(*contents));
  return 0;
}

int finish_restore(const Context& context) {
  const auto folder = folder_of(context);
  require_access(folder);
  const auto moved_to = state::finish_restore(folder);
  if (!moved_to) return print_error(moved_to.error().message);
  fmt::print("The restore into {} is finished.\n", folder.root.string());
  if (!moved_to->empty()) fmt::print("What was there before is now in {}.\n", moved_to->string());
  return 0;
}

int restore(const Context& context, const std::filesystem::path& file, bool replace) {
  std::ifstream from;
  {
    const AsCaller caller;
    from.open(file, std::ios::binary);
  }
  if (!from) return print_error(file.string() + " cannot be read");
  const auto folder = folder_of(context);
  if (const auto free = require_unused_store(folder, replace); !free) return print_error(free.error().message);
  const auto restored = state::restore(folder, from, file.string(), replace);
  if (!restored) return print_error(restored.error().message);
  if (!folder.store_url.empty()) {
    const auto moved = state::move_store({folder.root}, folder.location(), replace);
    if (!moved)
      return print_error(fmt::format("restored into {}, but not into {}: {}. 'drydock store move' does the rest",
          folder.root.string(), store::shown_url(folder.store_url), moved.error().message));
  }
  fmt::print("Restored into {}: {}.\n", context.configuration.state_folder.string(), told(restored->contents));
  if (!restored->moved_to.empty()) fmt::print("What was there before is now in {}.\n", restored->moved_to.string());
  fmt::print(
      "Start Drydock again ('sudo systemctl start drydock'). The devices find it as soon as it has the old address: "
      "those over TCP at once, the others within some minutes.\n");
  return 0;
}

}  // namespace drydock::cli
