// What devices, this server and programs publish, by name, to whoever listens.
#pragma once

#include "device/messages.hpp"
#include "transport/device_id.hpp"

#include <optional>

namespace drydock::server {

struct PublishedEvent : device::Event {
  std::optional<transport::DeviceId> from;  ///< nothing: a program, through the API
  std::int64_t published_at = 0;            ///< milliseconds since 1970
};

/// Names below spark/ and particle/ are the system's, in any case of letters: a device acts on some of them, so only
/// devices and this server publish such. Those below drydock/ this server alone.
bool is_system_event(std::string_view name);

/// What is only between the device and this server, or a secret: nobody else hears of it.
bool is_unheard(std::string_view name);

/// Why a program may not publish this; nothing: it may.
std::optional<std::string> unusable_event(const PublishedEvent& event);

/// "online", "offline": spark/status.
PublishedEvent status_event(const transport::DeviceId& device, std::string_view what);
/// spark/status/safe-mode: the device is in it, and waits for an update.
PublishedEvent safe_mode_event(const transport::DeviceId& device, std::uint16_t platform, std::uint16_t system_version);
/// spark/device/diagnostics/update: what it said of its vitals.
PublishedEvent vitals_event(const transport::DeviceId& device, std::string_view vitals);
/// spark/device/app-hash: it runs another application, by the SHA-256 that its Describe names.
PublishedEvent application_event(const transport::DeviceId& device, std::string_view sha256);
/// drydock/rollout/stopped, for programs: a rollout has stopped by itself.
PublishedEvent rollout_event(std::int64_t id, const std::string& release, const std::string& reason);
/// drydock/update/…, for programs: "verified" and "failed", of one module; "finished" when the device has all it needs,
/// "given_up" when it waits for a person, "blocked" when a file is missing. Data: {"module", "words"}.
PublishedEvent update_event(
    const transport::DeviceId& device, std::string_view what, const std::string& module, const std::string& words);
/// drydock/device/waiting, for programs: one that nobody has seen before wants to come in. Data: {"address"}.
PublishedEvent waiting_event(const transport::DeviceId& device, const std::string& address);
/// drydock/device/changed_key, for programs: one came with another key than the one on file. Data: {"fingerprint"}.
PublishedEvent changed_key_event(const transport::DeviceId& device, const std::string& fingerprint);
/// drydock/absence/…, for programs: "began" when a device has been away for some minutes, "ended" when such a one is
/// back. `away`: milliseconds. Data: {"minutes"}.
PublishedEvent absence_event(const transport::DeviceId& device, std::string_view what, std::int64_t away);
/// "started", "success" (transferred, not yet running), "failed": spark/flash/status. Particle's cloud adds a blank.
PublishedEvent flash_event(const transport::DeviceId& device, std::string_view what);

}  // namespace drydock::server
