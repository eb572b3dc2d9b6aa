// The devices in memory: what the store knows of them, and what is going on right now. Only the event loop touches it.
#pragma once

#include "device/facts.hpp"
#include "planning/plan.hpp"
#include "store/devices.hpp"
#include "transport/channel.hpp"
#include "transport/device_id.hpp"

#include <map>

namespace drydock::appliance {

struct Transfer {
  planning::Step step;
  std::int64_t step_id = 0;          ///< row in the store
  std::size_t bytes = 0;             ///< arrived at the device
  Clock::time_point began{};
  std::size_t bytes_stored = 0;      ///< at the last write of progress
  Clock::time_point stored_at{};
};

struct FleetMember {
  store::DeviceRow row;
  std::vector<planning::Goal> goals;
  bool stored = false;                     ///< the store has its row
  transport::Channel* channel = nullptr;   ///< while connected
  std::uint64_t connection = 0;            ///< tells a device's connections apart
  planning::Plan plan;                     ///< from the last Describe
  std::size_t steps_done = 0;              ///< of the update that runs, since this program started
  std::uint64_t revision = 0;              ///< grows with every change that people can see
  std::optional<Transfer> transfer;
  std::vector<firmware::InstalledModule> modules_stored;  ///< so that an unchanged Describe is not written again
};

using Fleet = std::map<transport::DeviceId, FleetMember>;

}  // namespace drydock::appliance
