#include "server/stored_view.hpp"

#include "store/dtls_sessions.hpp"
#include "store/policies.hpp"
#include "store/updates.hpp"

namespace drydock::server {

DeviceView stored_view(store::Database& db, store::ListedDevice device) {
  DeviceView view;
  view.policy = store::load_update_policy(db, device.row.id);
  view.modules_stored = store::load_modules(db, device.row.id);
  view.session_known = device.session_known;
  view.row = std::move(device.row);
  return view;
}

std::optional<DeviceView> stored_view(store::Database& db, const std::string& device_id) {
  auto row = store::load_device(db, device_id);
  if (!row) return std::nullopt;
  store::ListedDevice device;
  device.row = std::move(*row);
  device.session_known = store::has_dtls_session(db, device_id);
  return stored_view(db, std::move(device));
}

firmware::Inventory last_report(const DeviceView& view) {
  firmware::Inventory reported;
  reported.platform = view.row.platform;
  reported.modules = view.modules_stored;
  return reported;
}

}  // namespace drydock::server
