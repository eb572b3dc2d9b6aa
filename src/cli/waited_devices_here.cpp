#include "cli/find_device.hpp"
#include "cli/open_store.hpp"
#include "cli/waited_devices.hpp"
#include "server/commands.hpp"
#include "server/stored_view.hpp"
#include "store/modules.hpp"

namespace drydock::cli {
namespace {

// What the service has written of it may be older than what somebody said just now: it is planned here too.
bool needs_nothing(const server::DeviceView& view, const firmware::Library& library) {
  if (store::shown_state(view.row, 0) != "current") return false;
  return view.modules_stored.empty() ||
      planning::plan(server::last_report(view), library, view.policy.targets).current();
}

Result<WaitedDevices> look(const Context& context, const std::vector<std::string>& ids) {
  // Opened anew: a restore may have put another file in its place.
  auto db = open_to_read(context);
  WaitedDevices seen{{}, is_running(context, db), server::commands::is_paused(db)};
  const auto library = store::load_library(db);
  for (const auto& id : ids) {
    auto view = server::stored_view(db, id);
    if (!view) return failure(ErrorKind::not_found, "device " + id + " was forgotten meanwhile");
    const bool done = needs_nothing(*view, library);
    view->row.connected = view->row.connected && seen.running;
    seen.devices.push_back({std::move(view->row), done, store::load_awaited_rollout(db, id)});
  }
  return seen;
}

}  // namespace

Result<WaitedSource> devices_here(const Context& context, const DeviceSelection& chosen) {
  auto db = open_to_read(context);
  const auto rows = select_devices(db, chosen);
  if (!rows) return tl::unexpected(rows.error());
  std::vector<std::string> ids;
  for (const auto& row : *rows) ids.push_back(row.id);
  return WaitedSource([context, ids] { return look(context, ids); });
}

}  // namespace drydock::cli
