// Brings a release to a Drydock on another machine: for those who build firmware by themselves, CI say.
#include "base/log.hpp"
#include "cli/api_client.hpp"
#include "cli/module_files.hpp"
#include "server/releases.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::cli {

using nlohmann::json;

int release_push(const Context& context, const ReleasePush& push) {
  auto api = ApiClient::open(push.remote, "release");
  if (!api) return print_error(api.error().message);
  // Before anything is sent.
  if (const auto usable = server::usable_release_name(push.name); !usable) return print_error(usable.error().message);

  auto modules = read_module_files(push.files);
  if (modules.files.empty()) return print_error("there is no .bin file among these");
  // Nothing is sent before all can be read.
  for (const auto& file : modules.files)
    if (!file.content)
      return print_error(fmt::format("{}: {}", log::printable(file.name), file.content.error().message));
  std::vector<std::string> sent;
  auto told = json::array();
  for (const auto& file : modules.files) {
    const auto added = api->post("firmware?name=" + api->escaped(file.name), *file.content, "application/octet-stream");
    if (!added) return print_error(fmt::format("{}: {}", log::printable(file.name), added.error().message));
    if (!added->contains("sha256") || !(*added)["sha256"].is_string())
      return print_error(no_drydock(push.remote.url).message);
    sent.push_back((*added)["sha256"].get<std::string>());
    told.push_back(*added);
    if (!context.json)
      fmt::print("{}: {}, version {}{}\n", log::printable(file.name), log::printable(text_of(*added, "module")),
          added->contains("version") ? (*added)["version"].dump() : "",
          added->value("known_already", json()) == true ? ", was there already" : "");
  }
  const auto body = json{{"name", push.name}, {"files", sent}, {"notes", push.notes}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
  const auto made = api->post("releases", view_of(body), "application/json");
  if (!made) return print_error(fmt::format("release {}: {}", log::printable(push.name), made.error().message));
  if (made->value("name", json()) != push.name) return print_error(no_drydock(push.remote.url).message);
  if (context.json)
    fmt::print(
        "{}\n", json{{"release", push.name}, {"files", told}}.dump(2, ' ', false, json::error_handler_t::replace));
  else
    fmt::print(
        "Release {} is there. It goes to devices when somebody starts a rollout of it.\n", log::printable(push.name));
  return 0;
}

}  // namespace drydock::cli
