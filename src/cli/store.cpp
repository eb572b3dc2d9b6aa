#include "state/store_move.hpp"

#include "cli/commands.hpp"
#include "cli/open_store.hpp"
#include "store/postgresql_values.hpp"

#include <fmt/core.h>

namespace drydock::cli {

int store_move(const Context& context, const std::string& to, bool replace) {
  const auto folder = folder_of(context);
  require_state(folder);
  store::Location location{folder.database(), ""};
  if (to != "sqlite") {
    if (!store::is_postgresql_url(to))
      return print_error("--to takes 'sqlite' or an address like postgresql://USER@HOST/DATABASE");
    location.url = to;
  }
  const auto moved = state::move_store(folder, location, replace);
  if (!moved) return print_error(moved.error().message);
  fmt::print("{} device{} and {} module file{} are in {}, compared row by row.\n", moved->devices,
      moved->devices == 1 ? "" : "s", moved->modules, moved->modules == 1 ? "" : "s",
      location.url.empty() ? location.file.string() : store::shown_url(location.url));
  const auto file =
      context.configuration_file.empty() ? "/etc/drydock/drydock.toml" : context.configuration_file.string();
  if (location.url.empty())
    fmt::print("Now take 'url' out of [store] in {}, and start Drydock.\n", file);
  else if (store::shown_url(location.url) != location.url)
    fmt::print(
        "Now write that address as 'url' below [store] in {}, better without its password, which belongs into {}, "
        "and start Drydock.\n",
        file, (folder.root / ".pgpass").string());
  else
    fmt::print(
        "Now write url = \"{}\" below [store] in {}, and start Drydock.\n", store::shown_url(location.url), file);
  return 0;
}

}  // namespace drydock::cli
