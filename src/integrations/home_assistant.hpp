// What Home Assistant's MQTT integration is told: discovery of devices with their entities, and states
// (https://www.home-assistant.io/integrations/mqtt, /update.mqtt, /binary_sensor.mqtt, /sensor.mqtt, /switch.mqtt).
// Pure. An update's state has no key but those that are listed there, and no null in a text: else it drops the message.
#pragma once

#include "integrations/mqtt_topics.hpp"
#include "server/device_entry.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace drydock::integrations {

struct HomeAssistant {
  MqttTopics topics;
  std::string discovery;  ///< what its topics begin with, "homeassistant"
  std::string machine;    ///< that this runs on, for people
  std::string page;       ///< its address; empty: there is no link to it
  bool commands = false;  ///< updates may be begun by it, and all paused
  bool devices = true;    ///< each is announced, and not the fleet alone

  bool announces_devices() const { return devices && !discovery.empty(); }
  /// Where a device is announced; empty retained removes it.
  std::string device_topic(const std::string& device_id) const;
  std::string fleet_topic() const;
  /// Of the fleet's device: several Drydocks at one broker have topics of their own.
  std::string fleet_id() const;
  /// Says "online" when it has started anew.
  std::string birth_topic() const { return discovery + "/status"; }

  /// `diagnostics`: as of diagnostics_of().
  nlohmann::json device(const server::DeviceView& view, const nlohmann::json& diagnostics) const;
  nlohmann::json fleet() const;
};

/// Whether somebody has to look at it.
bool needs_attention(const std::string& shown_state);
/// Of devices/ID/state. `shown_state`: store::shown_state(); people see it as "status".
nlohmann::json state_of(const server::DeviceView& view, const std::string& shown_state);
/// Whether a module was sent, and the device is away to begin it: soon it says whether it runs.
bool resets_within_update(const server::DeviceView& view);
/// Of devices/ID/update. `resets`: as of resets_within_update(), while that is to be believed.
nlohmann::json update_of(const server::DeviceView& view, bool resets);
/// Of devices/ID/diagnostics, from server::vitals_json()'s object; of what the device does not say there is nothing.
nlohmann::json diagnostics_of(const nlohmann::json& vitals);
/// Of fleet. `states`: how many devices there are of each shown state.
nlohmann::json fleet_state(const std::map<std::string, std::int64_t>& states, std::size_t connected,
    std::size_t stopped_rollouts, bool paused);

}  // namespace drydock::integrations
