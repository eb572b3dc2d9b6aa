// Where a device that is not connected stands: what people, the library and its past say of it now, not what it was
// when it left. The session of one that is connected decides by itself.
#pragma once

#include "firmware/library.hpp"
#include "store/devices.hpp"

namespace drydock::server {

/// For one device, which may be connected: then nothing is done. Loads the library.
void restate_absent(store::Database& db, const std::string& device_id);

/// It failed in a rollout and is not connected: so it stands until it is back, or the rollout is taken back or
/// forgotten. Nothing is done for one that is connected.
void note_rollout_failure(store::Database& db, const std::string& device_id, const std::string& why);

/// One that was restated.
struct Restated {
  std::string device_id;
  std::string state;
  std::string words;
};
struct RestatedPage {
  std::vector<Restated> devices;  ///< those that stand otherwise now
  std::string next;               ///< where the next page begins; empty: all were looked at
};
/// For devices behind the id `after`, some at a time, so that others may write between them.
RestatedPage restate_absent_devices(store::Database& db, const firmware::Library& library, const std::string& after);

}  // namespace drydock::server
