// The topics that Drydock has at a broker, below one beginning ("drydock"):
//
//   status                         "online" or, by last will, "offline"; retained
//   fleet                          how many devices there are of each kind, JSON; retained
//   fleet/paused/set               ON or OFF
//   devices/ID/state               connectivity and where it stands, JSON; retained
//   devices/ID/update              what it runs and shall run, as Home Assistant's update entity wants it; retained
//   devices/ID/diagnostics         its vitals, JSON; retained
//   devices/ID/update/install      INSTALL
//   devices/ID/events/NAME         what it publishes
//   publish/NAME                   an event for devices, as of a program
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::integrations {

/// Of a name of an event: whether it is one of those that are allowed.
bool begins_with_any(const std::string& name, const std::vector<std::string>& beginnings);

class MqttTopics {
public:
  explicit MqttTopics(std::string beginning) : beginning_(std::move(beginning)) {}

  const std::string& beginning() const { return beginning_; }
  std::string status() const { return beginning_ + "/status"; }
  std::string fleet() const { return beginning_ + "/fleet"; }
  std::string pause() const { return fleet() + "/paused/set"; }
  std::string state(const std::string& device) const { return of(device) + "/state"; }
  std::string update(const std::string& device) const { return of(device) + "/update"; }
  std::string diagnostics(const std::string& device) const { return of(device) + "/diagnostics"; }
  std::string install(const std::string& device) const { return update(device) + "/install"; }
  /// Nothing for a name that can be no topic: empty, with wildcards or NUL, or too long.
  std::optional<std::string> event(const std::string& device, std::string_view name) const;

  std::string every_state() const { return of("+") + "/state"; }
  std::string every_install() const { return of("+") + "/update/install"; }
  std::string every_publication() const { return beginning_ + "/publish/#"; }

  /// The id in devices/ID/state or devices/ID/update/install; empty: it is no such topic.
  std::string device_of_state(std::string_view topic) const { return device_in(topic, "/state"); }
  std::string device_of_install(std::string_view topic) const { return device_in(topic, "/update/install"); }
  /// The name behind publish/; empty: it is no such topic.
  std::string published_name(std::string_view topic) const;

private:
  std::string of(std::string_view device) const { return beginning_ + "/devices/" + std::string(device); }
  std::string device_in(std::string_view topic, std::string_view end) const;

  std::string beginning_;
};

}  // namespace drydock::integrations
