#include "state/backup.hpp"

#include "cli/commands.hpp"
#include "cli/identity.hpp"
#include "cli/open_store.hpp"
#include "state/state_replacement.hpp"

#include <fmt/core.h>

namespace drydock::cli {
namespace {

std::string told(const state::BackupContents& contents) {
  return fmt::format("{} device{}, {} module file{} and the server's keys", contents.devices,
      contents.devices == 1 ? "" : "s", contents.modules, contents.modules == 1 ? "" : "s");
}

void tell_of_before(const std::filesystem::path& moved_to) {
  if (moved_to.empty()) return;
  fmt::print("What was there before is now in {}.\n", moved_to.string());
  const auto kept = moved_to / state::state_replacement::kept_file;
  if (std::filesystem::exists(kept))
    fmt::print("What the database held is {}, which 'drydock restore' takes.\n", kept.string());
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
  tell_of_before(*moved_to);
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
  const auto restored = state::restore(folder, from, file.string(), replace);
  if (!restored) return print_error(restored.error().message);
  const auto into = folder.store_url.empty() ? std::string() : " and " + store::shown(folder.location());
  fmt::print("Restored into {}{}: {}.\n", folder.root.string(), into, told(restored->contents));
  tell_of_before(restored->moved_to);
  fmt::print(
      "Start Drydock again ('sudo systemctl start drydock'). The devices find it as soon as it has the old address: "
      "those over TCP at once, the others within some minutes.\n");
  return 0;
}

}  // namespace drydock::cli
