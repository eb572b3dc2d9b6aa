// What Prometheus is told: the numbers that the program counts, and those of the fleet, which come from the store. The
// devices' loop is not asked.
#pragma once

#include "store/device_list.hpp"
#include "store/integrations.hpp"
#include "store/readers.hpp"
#include "store/rollouts.hpp"
#include "service/loop_bridge.hpp"

#include <mutex>
#include <optional>

namespace drydock::web {

class MetricsPage {
public:
  /// `away_days`: see store::away_before().
  MetricsPage(service::LoopBridge& bridge, store::Readers& readers, int away_days)
      : bridge_(bridge), readers_(readers), away_days_(away_days) {}

  /// As Prometheus' text format 0.0.4 has it, or, `open`, OpenMetrics 1.0. The fleet is counted once a second at the
  /// most, however many ask; while the database is away it is left out.
  std::string text(bool open, int event_streams) const;

private:
  struct Counts {
    std::vector<store::DeviceCount> devices;
    std::map<std::string, std::int64_t> rollouts;
    std::vector<store::RolloutDeviceCount> rollout_devices;
    store::DeliveryCounts messages;
  };
  std::optional<Counts> count() const;

  service::LoopBridge& bridge_;
  store::Readers& readers_;
  int away_days_;
  mutable std::mutex counting_;
  mutable Counts counts_;
  mutable Clock::time_point counted_{};
};

}  // namespace drydock::web
