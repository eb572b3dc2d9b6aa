// What the store said once it must go on saying: invariants over all of a history's lives.
#pragma once

#include "store/devices.hpp"
#include "store/updates.hpp"

#include <map>
#include <string>

namespace drydock::sim {

class DurabilityCheck {
public:
  enum class After {
    kill,       ///< nothing that was committed may be gone
    power_cut,  ///< what was only posted (progress) may be
  };

  /// Before a life ends: remembers.
  void close(store::Database& db) {
    for (const auto& device : store::load_devices(db))
      for (const auto& step : store::recent_steps(db, device.id, 1000)) steps_[step.id] = step;
    devices_ = store::load_devices(db).size();
  }

  /// After the database was opened again, before anything else is done with it: the first violation in words, or
  /// nothing.
  std::string open(store::Database& db, After after) const {
    const auto devices = store::load_devices(db);
    if (devices.size() < devices_) return "a device's row is lost";
    std::map<std::int64_t, store::StepRow> now;
    for (const auto& device : devices)
      for (const auto& step : store::recent_steps(db, device.id, 1000)) now[step.id] = step;
    for (const auto& [id, before] : steps_) {
      const auto found = now.find(id);
      if (found == now.end()) return "a step's row is lost";
      if (rank(found->second.state) < rank(before.state))
        return "a step went back from " + before.state + " to " + found->second.state;
      if (after == After::kill && found->second.bytes_acknowledged < before.bytes_acknowledged)
        return "acknowledged progress went back";
      if (found->second.bytes_acknowledged > found->second.bytes_total) return "more was acknowledged than there is";
    }
    return {};
  }

private:
  static int rank(const std::string& state) {
    return state == "planned" ? 0 : state == "sending" ? 1 : state == "sent" ? 2 : 3;
  }

  std::map<std::int64_t, store::StepRow> steps_;
  std::size_t devices_ = 0;
};

}  // namespace drydock::sim
