// Lists of devices, a page at a time: filtered, sorted and cut in the database, whatever the fleet's size.
#pragma once

#include "store/devices.hpp"

#include <map>

namespace drydock::store {

enum class DeviceOrder { label, state, platform, last_seen, first_seen };

/// Which devices, in which order. Empty fields filter nothing.
struct DeviceQuery {
  std::string
      state;  ///< as `shown_state` has it: a device's state, or 'held', 'refused', 'awaiting_approval', 'unknown_key'
  std::string search;                              ///< a part of name, id or address
  std::vector<std::uint16_t> platforms_of_search;  ///< devices of these platforms are found by `search` too
  std::string group;
  std::string label;
  std::optional<bool> connected;
  DeviceOrder order = DeviceOrder::label;
  bool descending = false;
  std::string after;  ///< DevicePage::next of the page before; empty: from the beginning
  int limit = 100;
};

struct ListedDevice {
  DeviceRow row;
  std::string shown_state;
  bool session_known = false;  ///< has a DTLS session: it can be heard from at any time
};

struct DevicePage {
  std::vector<ListedDevice> devices;
  std::string next;  ///< where the next page begins; empty: there is none
};

/// ErrorKind::malformed when `after` is no position.
Result<DevicePage> list_devices(Database& db, const DeviceQuery& query);

/// How many devices there are of each shown state.
std::map<std::string, std::int64_t> count_devices(Database& db);

/// Devices with this id or name, or an id that begins with it (4 digits or more): not more than `limit`. One whose
/// whole id it is comes alone.
std::vector<DeviceRow> find_devices(Database& db, const std::string& id_or_name, int limit);

/// The one word for where a device stands: shown_state as the database has it.
std::string shown_state(const DeviceRow& row);

}  // namespace drydock::store
