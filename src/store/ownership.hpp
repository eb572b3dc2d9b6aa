// Which of the machines that share a database has a device's connection. Whoever takes it gets a number, its epoch, and
// everything that a session writes carries both: what comes late, from one that lost the device meanwhile, is refused.
// A machine alone needs none of it.
#pragma once

#include "store/database.hpp"

#include <optional>
#include <vector>

namespace drydock::store {

struct Ownership {
  std::int64_t node = 0;   ///< row in `nodes`; 0: there is one machine only, and nothing to check
  std::int64_t epoch = 0;  ///< grows whenever the device's connection is taken, by whomever
};

/// Another machine has the device: nothing of the job that meets this is written.
class NotOwner : public StoreError {
public:
  using StoreError::StoreError;
};

/// Takes a device's connection, unless another living node has it: then it is noted that it is wanted here, and that
/// one lets go when it sees it. Empty while it has not, and for a device that is not there.
enum class Want { note, no };  ///< no: another's is left to it
std::optional<Ownership> claim_device(
    Database& db, const std::string& device_id, std::int64_t node, Want want = Want::note);

/// Whether it is still so. No other can take the device before the transaction ends.
bool owns_device(Database& db, const std::string& device_id, const Ownership& ownership);
/// Throws NotOwner when it is not.
void require_ownership(Database& db, const std::string& device_id, const Ownership& ownership);
/// Whether the node has the device, in whichever epoch; always so for node 0.
bool has_device(Database& db, const std::string& device_id, std::int64_t node);
/// Throws NotOwner unless it has.
void require_node(Database& db, const std::string& device_id, std::int64_t node);

/// Others may take it. Of a device that was taken since, nothing changes.
void release_device(Database& db, const std::string& device_id, const Ownership& ownership);
/// Likewise, of one that a node claimed and has no connection of.
void release_unused_device(Database& db, const std::string& device_id, std::int64_t node);

/// Devices of this node that another one wants.
std::vector<std::string> wanted_devices(Database& db, std::int64_t node);

/// A turn to be sent a module: `most` over all nodes. True as well for a device that has one.
bool take_turn(Database& db, const std::string& device_id, std::int64_t node, int most);
void give_back_turn(Database& db, const std::string& device_id, std::int64_t node);

}  // namespace drydock::store
