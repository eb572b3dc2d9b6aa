// Lists of devices, a page at a time: filtered, sorted and cut in the database, whatever the fleet's size.
#pragma once

#include "store/devices.hpp"

#include <map>

namespace drydock::store {

enum class DeviceOrder { label, urgency, state, platform, last_seen, first_seen };

/// Which devices, in which order. Empty fields filter nothing.
struct DeviceQuery {
  std::string state;             ///< as `shown_state` has it: a device's state, 'held', 'refused', 'awaiting_approval',
                                 ///< 'unknown_key', 'away'
  std::string search;            ///< a part of name, id or address; a version; "safe mode"
  std::int64_t away_before = 0;  ///< who was not seen since then is away; 0: nobody
  std::vector<std::uint16_t> platforms_of_search;  ///< devices of these platforms are found by `search` too
  std::vector<std::uint16_t> versions_of_search;   ///< likewise devices with a module of one of these versions
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
std::map<std::string, std::int64_t> count_devices(Database& db, std::int64_t away_before);

/// Likewise, by platform too.
struct DeviceCount {
  std::string shown_state;
  std::uint16_t platform = 0;
  std::int64_t devices = 0;
  std::int64_t in_safe_mode = 0;
};
std::vector<DeviceCount> count_devices_by_platform(Database& db, std::int64_t away_before);

/// Devices with this id or name, or an id that begins with it (4 digits or more): not more than `limit`. One whose
/// whole id it is comes alone.
std::vector<DeviceRow> find_devices(Database& db, const std::string& id_or_name, int limit);
/// By name in other letters, or, with `beginnings`, its beginning.
std::vector<DeviceRow> find_devices_by_beginning(
    Database& db, const std::string& name, int limit, bool beginnings = true);

/// The one word for where a device stands. "away" of one that was let in, is not connected and was not seen since
/// `away_before`, unless a person holds it back or has to decide about it.
std::string shown_state(const DeviceRow& row, std::int64_t away_before);
/// Whether shown_state() can be this.
bool is_shown_state(std::string_view state);

/// When one has to have been seen not to be away; `days` 0: nobody is.
std::int64_t away_before(int days, std::int64_t utc_now);

}  // namespace drydock::store
