// Devices that are not in memory, as people see them.
#pragma once

#include "firmware/library.hpp"
#include "server/device_entry.hpp"
#include "store/device_list.hpp"

namespace drydock::server {

/// What the store has of it; without a plan.
DeviceView stored_view(store::Database& db, store::ListedDevice device);
/// Likewise by its id; nothing: there is none.
std::optional<DeviceView> stored_view(store::Database& db, const std::string& device_id);

/// What it said last to have.
firmware::Inventory last_report(const DeviceView& view);

}  // namespace drydock::server
