// What people say of the updates of a device, a group, a platform or the fleet, and of groups, labels and the rules
// that fill groups: from the page and the command line alike. Each function is one change of the database, checked;
// errors are theirs to read.
#pragma once

#include "store/groups.hpp"
#include "store/policies.hpp"

namespace drydock::server {

/// ErrorKind::malformed: empty, longer than 64 bytes, or with '/' or control characters.
Result<void> check_group_name(const std::string& name);

/// "fleet" with nothing; "platform" with its name or number; "group" with its name; "device" with its id, the beginning
/// of it, or its name. ErrorKind::not_found for one that is not there; ErrorKind::malformed for another scope.
Result<std::pair<store::PolicyScope, std::string>> find_subject(
    store::Database& db, std::string_view scope, const std::string& subject);

/// In place of what there was. ErrorKind::not_found: no such release; ErrorKind::malformed: a version that is none, or
/// hours that cannot be read.
Result<void> save_policy(store::Database& db, const store::PolicyRow& row);

/// ErrorKind::malformed: it fits every device, or nothing (a range that is none), or its group has no usable name.
Result<std::int64_t> add_group_rule(store::Database& db, const store::GroupRule& rule);
Result<void> remove_group_rule(store::Database& db, std::int64_t id);
/// To all approved devices that are in no group: how many are in one now.
std::size_t apply_group_rules(store::Database& db);

/// ErrorKind::malformed: empty, longer than 64 bytes, or with '/', commas or control characters.
Result<void> set_label(store::Database& db, const std::string& device_id, const std::string& label, bool has);

}  // namespace drydock::server
