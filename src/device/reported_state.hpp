// What a device has said about itself on this connection.
#pragma once

#include "device/describe.hpp"
#include "device/hello.hpp"
#include "device/messages.hpp"

#include <string>
#include <vector>

namespace drydock::device {

struct ReportedState {
  Hello hello;
  std::optional<SystemDescribe> system;  ///< the last complete one
  std::optional<ApplicationDescribe> application;
  bool resumed = false;  ///< in a session gone on with, without a Hello: what it said before still counts
  bool safe_mode = false;
  std::optional<bool> updates_enabled;  ///< nothing: the device is too old to say, and always takes them
  bool updates_forced = false;
  std::uint32_t max_binary = 0;  ///< from Hello (3.0+) or an event (before); 0 when not said
  std::uint16_t chunk_size = 0;  ///< likewise
  std::string last_reset;
  std::vector<Subscription> subscriptions;

  /// What the device asks for where that makes sense, else what every version takes (PROTOCOL §5.3).
  std::uint16_t usable_chunk_size() const;
  /// For OTA protocol v3: as much as fits a message of the device (PROTOCOL §5.5).
  std::uint16_t ota_v3_chunk_size() const;

  /// Devices from 5.5 on want to be told what kind of module comes.
  bool accepts_module_function() const { return hello.system_version >= 5500; }

  /// Devices before 0.8 reset after UpdateDone without a word (PROTOCOL §5.3): their system module has a version below
  /// 300.
  bool resets_without_reply() const;

  /// Devices before 2.0 send some messages synchronously: over UDP they hear nothing else until those are acknowledged.
  bool sends_synchronously() const;

  /// For the planner. Only with a system Describe.
  firmware::Inventory inventory() const;
};

}  // namespace drydock::device
