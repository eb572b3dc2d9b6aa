// Devices as people see them: identity, approval, what they last said, how they are doing.
#pragma once

#include "firmware/inventory.hpp"
#include "planning/plan.hpp"
#include "store/database.hpp"

namespace drydock::store {

/// A device's row. Ids are 24 hexadecimal digits, times UTC milliseconds.
struct DeviceRow {
  std::string id;
  std::string name;
  std::string approval = "pending";  ///< pending, approved, refused
  Bytes public_key;                  ///< SubjectPublicKeyInfo, pinned at first use
  std::uint16_t platform = 0;
  std::uint16_t product_id = 0;
  std::uint16_t product_version = 0;
  std::uint16_t system_version = 0;
  std::uint16_t hello_flags = 0;
  std::string address;
  bool connected = false;
  std::int64_t first_seen = 0;
  std::int64_t last_seen = 0;
  bool safe_mode = false;
  std::optional<bool> updates_enabled;
  std::string state = "unknown";
  std::string state_words;
  std::string application;  ///< JSON of its functions and variables, for people
  Bytes changed_key;        ///< another key that claimed this id and was refused; empty: none
  std::int64_t changed_key_seen = 0;
  bool held = false;               ///< a person wants no updates for it now
  bool forced = false;             ///< a person wants its next update though its application disabled updates
  std::int64_t enrolled = 0;       ///< running time of the service when it came first
  std::string notes;               ///< of people's
  std::int64_t node = 0;           ///< that has its connection; 0: none, or there is one machine only
  std::int64_t epoch = 0;          ///< see Ownership
  std::int64_t wanted_by = 0;      ///< the node that it came to while `node` had it
  std::int64_t reconnections = 0;  ///< how often it came anew while the service ran
  std::string group;               ///< of people's; empty: none
};

std::vector<DeviceRow> load_devices(Database& db);
/// Those that wait for approval: the service lets in limits::pending_devices of them.
std::vector<DeviceRow> load_pending_devices(Database& db);
/// Where approved devices were last, each address once.
std::vector<std::string> approved_addresses(Database& db);
/// Of all, in their order.
std::vector<std::string> device_ids(Database& db);
/// Approved ones that are not connected to any machine, by id, behind `after`.
std::vector<DeviceRow> load_absent_devices(Database& db, const std::string& after, int limit);
std::int64_t count_all_devices(Database& db);
std::optional<DeviceRow> load_device(Database& db, const std::string& id);

/// A device seen for the first time. Of one already there, name, approval and keys stay: they belong to people.
void add_device(Database& db, const DeviceRow& row);
/// Writes what the server knows about a device; nothing when a person has just forgotten it.
void update_device(Database& db, const DeviceRow& row);

/// The id of one that people call so.
std::optional<std::string> find_device_named(Database& db, const std::string& name);

/// What the server finds out about one that is not connected; of one that is, nothing is written.
void set_absent_state(Database& db, const std::string& id, const std::string& state, const std::string& words);
void set_approval(Database& db, const std::string& id, const std::string& approval);
void set_held(Database& db, const std::string& id, bool held);
void set_forced(Database& db, const std::string& id, bool forced);
void set_name(Database& db, const std::string& id, const std::string& name);
/// Of which there is no list: a group is what has devices. Empty: none.
void set_group(Database& db, const std::string& id, const std::string& group);
void set_notes(Database& db, const std::string& id, const std::string& notes);
/// Trusts this key from now on, whatever was on file.
void set_public_key(Database& db, const std::string& id, const Bytes& key);
/// A device came with another key than the one on file.
void note_changed_key(Database& db, const std::string& id, const Bytes& key, std::int64_t at);
/// Trusts the refused key from now on. False when there is none.
bool accept_changed_key(Database& db, const std::string& id);
/// The refused key is nothing to look at any more; the one on file stays.
void dismiss_changed_key(Database& db, const std::string& id);
/// With its modules, updates, attempts and history.
bool forget_device(Database& db, const std::string& id);
/// All that wait for approval; how many there were.
int forget_pending_devices(Database& db);

/// The modules of the last Describe.
void save_modules(Database& db, const std::string& id, const std::vector<firmware::InstalledModule>& modules);
std::vector<firmware::InstalledModule> load_modules(Database& db, const std::string& id);

void save_target(Database& db, const std::string& id, const planning::Target& target);
void clear_targets(Database& db, const std::string& id);
/// What people asked for of the device itself: see policies.hpp for the rest.
std::vector<planning::Target> load_own_targets(Database& db, const std::string& id);

}  // namespace drydock::store
