// What devices last said of their vitals, in the words of Particle's device vitals.
#pragma once

#include "device/vitals.hpp"
#include "transport/device_id.hpp"

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace drydock::server {

/// {"device": {"system", "network", "cloud", "power", "other"}}, as far as there are values; "other" has those of
/// unknown meaning by their ids.
nlohmann::json vitals_json(const std::vector<device::Vital>& vitals);

/// In memory, of so many devices: a restart forgets them, and the next visit brings new ones.
class LastVitals {
public:
  struct Entry {
    std::int64_t at = 0;  ///< UTC milliseconds
    std::string json;     ///< as vitals_json()
  };
  void keep(const transport::DeviceId& device, Entry entry);
  /// Nothing when there are none.
  const Entry* find(const transport::DeviceId& device) const;

  static constexpr std::size_t most = 5'000;

private:
  std::map<transport::DeviceId, Entry> entries_;
};

}  // namespace drydock::server
