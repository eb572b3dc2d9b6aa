// One simulated history of several machines over one store: partitions, slow ways to the database, kills, devices whose
// datagrams come now to one and now to another. Two things must hold at every moment: nothing of a module is sent but
// by the machine that has the device, and no sequence number of a session is used twice.
#pragma once

#include "sim/history.hpp"

namespace drydock::sim {

/// The same seed gives the same history. `power_cuts`: kills of a machine; `disk_faults`: partitions.
Outcome run_nodes_history(std::uint32_t seed, const Plan& plan);

}  // namespace drydock::sim
