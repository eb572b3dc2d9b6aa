// The library: what there is to send.
#include "web/api.hpp"
#include "web/validation.hpp"

#include "server/as_json.hpp"
#include "server/firmware_import.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "firmware/files.hpp"
#include "store/modules.hpp"
#include "store/updates.hpp"

#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;

namespace {

Result<void> needed() {
  return failure(
      ErrorKind::conflict, "a device needs this file: its plan, its target firmware, a release or a rollout has it");
}

// Without folders, as the command line has it, and what a terminal could take for a command.
std::string file_name_in(const Request& request) {
  constexpr std::size_t longest = 128;
  const auto given = request.parameter("name");
  const auto name = log::printable(shorten(given.substr(given.find_last_of("/\\") + 1), longest));
  return name.empty() || name == "." || name == ".." ? "upload.bin" : name;
}

}  // namespace

Response Api::firmware() const {
  const auto library = bridge_.snapshot()->library;
  return {200, "application/json",
      "{\"modules\":" + server::library_as_json(*library) +
          ",\"releases\":" + server::releases_as_json(firmware::releases_in(*library)) + "}"};
}

Response Api::firmware_uses(const std::string& sha256) const {
  const auto library = bridge_.snapshot()->library;
  const auto* module = library->find(sha256);
  if (module == nullptr) return problem(404, "Not found", "there is no such file in the library");
  auto lease = readers_.lease();
  const auto uses = store::count_uses(*lease, *module);
  return {200, "application/json",
      json{{"devices", uses.devices}, {"targets", uses.targets}, {"releases", uses.releases}}.dump()};
}

Response Api::upload(const Request& request) {
  auto name = file_name_in(request);
  const auto validate = [&]() -> Result<server::ValidatedModule> {
    const auto content = firmware::read_file(request.upload, limits::module_file);
    if (!content) return tl::unexpected(content.error());
    return server::validate_module(*content, name);
  };
  const auto turn = upload_turn();
  const auto validated = validate_apart(validate);
  if (!validated) return problem(validated.error());
  auto added = std::make_shared<server::Added>();
  const auto changed =
      bridge_.change([module = *validated, folder = folder_, added](store::Database& db) -> Result<void> {
        const auto outcome = server::add_to_library(db, folder, module);
        if (!outcome) return tl::unexpected(outcome.error());
        *added = *outcome;
        return {};
      });
  if (!changed) return problem(changed.error());
  const bool known = *added != server::Added::new_module;
  auto body = json::parse(server::module_as_json(validated->module));
  body["known_already"] = known;
  return {known ? 200 : 201, "application/json", body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

Response Api::remove(const std::string& sha256) {
  const auto snapshot = bridge_.snapshot();
  const auto* module = snapshot->library->find(sha256);
  if (module == nullptr) return problem(404, "Not found", "there is no such file in the library");
  const auto removed = bridge_.change(
      [sha256](store::Database& db) -> Result<void> {
        if (store::is_needed(db, sha256)) return needed();
        store::remove_module(db, sha256);
        return {};
      },
      [sha256](const server::DeviceServer& server) -> Result<void> {
        return server.needs(sha256) ? needed() : Result<void>{};
      });
  if (!removed) return problem(removed.error());
  // The row first: a file without a row harms nobody.
  const auto gone = firmware::ModuleFiles(folder_.firmware()).remove(sha256);
  return gone ? done() : problem(gone.error());
}

}  // namespace drydock::web
