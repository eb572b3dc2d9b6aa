// How a row of `devices` is read, for the files of this layer that do.
#pragma once

#include "store/devices.hpp"
#include "store/statement.hpp"

namespace drydock::store {

inline constexpr const char* device_columns =
    "id, name, approval, public_key, platform, product_id, product_version, system_version, hello_flags, address, "
    "connected, first_seen, last_seen, safe_mode, updates_enabled, state, state_words, application, changed_key, "
    "changed_key_seen, held, enrolled, forced, node, epoch, wanted_by, notes, reconnections, group_name";
inline constexpr int device_column_count = 29;

/// The row that `statement`, whose first columns are device_columns, stands at.
DeviceRow read_device(Statement& statement);

}  // namespace drydock::store
