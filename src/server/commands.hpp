// What people may decide, from the page and from the command line alike: each function is one change of the database,
// checked. Errors are theirs to read.
#pragma once

#include "firmware/library.hpp"
#include "store/devices.hpp"

#include <string>
#include <vector>

namespace drydock::server::commands {

/// By id, the beginning of an id (4 digits or more), or name. ErrorKind::not_found; ErrorKind::conflict when several
/// match. With `names` also by the name in other letters, or its beginning: for people, not for programs.
enum class ByBeginning { no, other_letters, yes };
Result<store::DeviceRow> find_device(store::Database& db, const std::string& name, ByBeginning names = ByBeginning::no);

/// `new_key` empty: the key on file stays. Else the refused key becomes the one on file, if its fingerprint begins with
/// `new_key` (8 digits or more, blanks count for nothing): ErrorKind::conflict when it does not, ErrorKind::not_found
/// when there is none.
Result<void> approve(store::Database& db, const std::string& device_id, const std::string& new_key);
/// `by` takes the place of a device that is no more: its name, group, labels, notes, pause and rules, and, if it is of
/// the same platform, its target firmware. It is approved; the other one is deleted. ErrorKind::not_found: there is no
/// device `by`; ErrorKind::conflict: it is the same one.
Result<void> replace(store::Database& db, const store::DeviceRow& old, const std::string& by);
/// Another key that the device came with is not trusted. Who comes with it again is turned away, and told of, again.
void keep_key(store::Database& db, const std::string& device_id);
void refuse(store::Database& db, const std::string& device_id);
/// Forgets failed attempts, so that a device that was given up tries again.
void retry(store::Database& db, const std::string& device_id);
/// Holds a device back from updates, or lets it have them again.
void hold(store::Database& db, const std::string& device_id, bool held);
void forget(store::Database& db, const std::string& device_id);
/// All that wait for approval; how many there were.
int forget_pending(store::Database& db);
/// The next update goes to the device though its application disabled updates; or that is taken back.
void force(store::Database& db, const std::string& device_id, bool forced);
/// Empty: none. ErrorKind::malformed for control characters, more than 64 bytes or what looks like an id;
/// ErrorKind::conflict when another device is called so.
Result<void> rename(store::Database& db, const std::string& device_id, const std::string& name);

/// Empty: none. ErrorKind::malformed as for names.
Result<void> set_group(store::Database& db, const std::string& device_id, const std::string& group);

/// Cut to limits::notes bytes, at a whole character.
void annotate(store::Database& db, const std::string& device_id, const std::string& notes);
/// This key is the device's, whether it was ever here or not; an unknown one is approved by it. ErrorKind::malformed
/// for what is no id, or no key of a device; ErrorKind::refused for a device that a person refused.
Result<void> register_key(store::Database& db, const std::string& device_id, const Bytes& key, std::int64_t utc_now);

/// The device shall have this module of the library, by SHA-256 (or its beginning) or file name. ErrorKind::conflict
/// when it is for another platform.
Result<firmware::LibraryModule> add_target(
    store::Database& db, const store::DeviceRow& device, const std::string& module);
void clear_targets(store::Database& db, const std::string& device_id);
/// These modules of the library, by SHA-256, in place of what there was; none: as clear_targets(). As add_target().
Result<void> set_targets(store::Database& db, const store::DeviceRow& device, const std::vector<std::string>& modules);

/// All devices: no update begins while paused.
void pause(store::Database& db, bool paused);
bool is_paused(store::Database& db);
/// Ends the pause, and what failed with approved devices is tried again; those that are held stay held.
void update_all(store::Database& db);

}  // namespace drydock::server::commands
