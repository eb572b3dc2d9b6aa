// `particle flash`: the file joins the library like every other one and becomes the device's target, and the planner
// says what the device gets first.
#include "web/cloud_api.hpp"
#include "web/multipart.hpp"
#include "web/validation.hpp"

#include "base/clock.hpp"
#include "planning/plan.hpp"
#include "server/commands.hpp"
#include "store/policies.hpp"
#include "server/firmware_import.hpp"
#include "store/devices.hpp"
#include "store/modules.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;
namespace commands = server::commands;

namespace {

// The one file of the form; what is source goes nowhere.
Result<Part> binary_in(const Request& request) {
  const auto parts = parse_multipart(request.header("content-type"), request.body);
  if (!parts) return tl::unexpected(parts.error());
  const Part* file = nullptr;
  for (const auto& part : *parts) {
    if (!part.name.starts_with("file") || part.name == "file_type") continue;
    if (file != nullptr)
      return failure(ErrorKind::malformed, "one file at a time: several are for a compiler, which Drydock has not");
    file = &part;
  }
  if (file == nullptr) return failure(ErrorKind::malformed, "there is no file in the form");
  const auto name = std::filesystem::path(file->filename).filename().string();
  for (const auto* source : {".ino", ".cpp", ".c", ".h", ".properties"})
    if (name.ends_with(source)) return failure(ErrorKind::malformed, "Drydock does not compile; flash a .bin file");
  auto chosen = *file;
  chosen.filename = name.empty() ? "flashed.bin" : name;
  return chosen;
}

}  // namespace

Response CloudApi::flash(const Request& request, const store::DeviceRow& device) {
  const auto file = binary_in(request);
  if (!file) return cloud_error(400, file.error().message);
  const auto turn = upload_turn();
  const auto validated =
      validate_apart([&] { return server::validate_module(view_of(file->content), file->filename); });
  if (!validated) return cloud_error(400, validated.error().message);
  auto status = std::make_shared<std::string>();
  const auto changed = bridge_.change(
      [module = *validated, folder = folder_, id = device.id, status](store::Database& db) -> Result<void> {
        const auto row = store::load_device(db, id);
        if (!row) return failure(ErrorKind::not_found, "the device was removed");
        if (const auto added = server::add_to_library(db, folder, module); !added) return tl::unexpected(added.error());
        commands::clear_targets(db, id);
        if (const auto target = commands::add_target(db, *row, module.module.sha256); !target)
          return tl::unexpected(target.error());
        firmware::Inventory reported;
        reported.platform = row->platform;
        reported.modules = store::load_modules(db, id);
        const auto policy = store::load_update_policy(db, id);
        const auto plan = planning::plan(reported, store::load_library(db), policy.targets);
        if (plan.blocked()) return failure(ErrorKind::malformed, planning::missing_words(plan));
        *status = plan.current()       ? "The device runs this already"
            : row->held || policy.held ? "The update waits: updates of the device are paused"
            : commands::is_paused(db)  ? "The update waits: all updates are paused"
            : !row->connected          ? "The update waits: the device is not connected"
            : !row->forced && planning::closed_window(policy, utc_milliseconds()) != nullptr
            ? "The update waits: it is outside of the device's hours"
            : "Update started";
        commands::retry(db, id);
        return {};
      });
  if (!changed) return cloud_error(changed.error());
  return cloud_answer(json{{"ok", true}, {"id", device.id}, {"status", *status}}.dump());
}

}  // namespace drydock::web
