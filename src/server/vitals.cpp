#include "server/vitals.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace drydock::server {

using nlohmann::json;

namespace {

enum class Unit {
  number,
  fixed,  ///< signed, 8 bits behind the point
  technology,
  network_status,
  cloud_status,
  battery_state,
  power_source,
};

struct Meaning {
  std::uint16_t id;
  const char* pointer;
  Unit unit = Unit::number;
};

// Ids and units: services/inc/diagnostics.h and the sources of these values in Device OS; places in the answer: the
// device vitals of Particle's API reference.
constexpr std::array<Meaning, 31> meanings{{
    {1, "/device/system/reset_reason"},
    {2, "/device/system/memory/free"},
    {6, "/device/system/uptime"},
    {25, "/device/system/memory/total"},
    {26, "/device/system/memory/used"},
    {3, "/device/power/battery/charge", Unit::fixed},
    {7, "/device/power/battery/state", Unit::battery_state},
    {24, "/device/power/source", Unit::power_source},
    {8, "/device/network/connection/status", Unit::network_status},
    {9, "/device/network/connection/error"},
    {12, "/device/network/connection/disconnects"},
    {27, "/device/network/connection/attempts"},
    {28, "/device/network/connection/disconnect_reason"},
    {19, "/device/network/signal/rssi", Unit::fixed},
    {33, "/device/network/signal/strength", Unit::fixed},
    {37, "/device/network/signal/strengthv", Unit::fixed},
    {34, "/device/network/signal/quality", Unit::fixed},
    {35, "/device/network/signal/qualityv", Unit::fixed},
    {36, "/device/network/signal/at", Unit::technology},
    {40, "/device/network/cellular/cell_global_identity/mobile_country_code"},
    {41, "/device/network/cellular/cell_global_identity/mobile_network_code"},
    {42, "/device/network/cellular/cell_global_identity/location_area_code"},
    {43, "/device/network/cellular/cell_global_identity/cell_id"},
    {10, "/device/cloud/connection/status", Unit::cloud_status},
    {13, "/device/cloud/connection/error"},
    {14, "/device/cloud/connection/disconnects"},
    {29, "/device/cloud/connection/attempts"},
    {30, "/device/cloud/connection/disconnect_reason"},
    {21, "/device/cloud/coap/retransmit"},
    {22, "/device/cloud/coap/unack"},
    {20, "/device/cloud/publish/rate_limited"},
}};

json named(std::int32_t value, std::initializer_list<const char*> names) {
  const auto index = static_cast<std::size_t>(value);
  return value >= 0 && index < names.size() ? json(names.begin()[index]) : json(value);
}

json in_unit(std::int32_t value, Unit unit) {
  switch (unit) {
    case Unit::number: return value;
    case Unit::fixed: return value / 256.0;
    case Unit::technology:
      return named(
          value, {"unknown", "Wi-Fi", "GSM", "EDGE", "UMTS", "CDMA", "LTE", "802.15.4", "LTE Cat-M1", "LTE Cat-NB1"});
    case Unit::network_status:
      return named(
          value, {"off", "turning on", "disconnected", "connecting", "connected", "disconnecting", "turning off"});
    case Unit::cloud_status: return named(value, {"disconnected", "connecting", "connected", "disconnecting"});
    case Unit::battery_state:
      return named(value, {"unknown", "not charging", "charging", "charged", "discharging", "fault", "disconnected"});
    case Unit::power_source: return named(value, {"unknown", "VIN", "USB host", "USB adapter", "USB OTG", "battery"});
  }
  return value;
}

}  // namespace

json vitals_json(const std::vector<device::Vital>& vitals) {
  json result{{"device", json::object()}};
  for (const auto& vital : vitals) {
    const auto* known =
        std::find_if(meanings.begin(), meanings.end(), [&](const auto& meaning) { return meaning.id == vital.id; });
    if (known == meanings.end())
      result["device"]["other"][std::to_string(vital.id)] = vital.value;
    else
      result[json::json_pointer(known->pointer)] = in_unit(vital.value, known->unit);
  }
  return result;
}

void LastVitals::keep(const transport::DeviceId& device, Entry entry) {
  if (entries_.size() >= most && !entries_.contains(device))
    entries_.erase(std::min_element(
        entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
  entries_[device] = std::move(entry);
}

const LastVitals::Entry* LastVitals::find(const transport::DeviceId& device) const {
  const auto found = entries_.find(device);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace drydock::server
