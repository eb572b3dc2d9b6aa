#include "server/events.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "server/application_json.hpp"
#include "server/device_server.hpp"
#include "server/server_metrics.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace drydock::server {
namespace {

constexpr std::size_t longest_words = 500;

std::string printed(const nlohmann::json& data) {
  return data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_ours(std::string_view name) {
  return begins_with_lower_ascii(name, "drydock/");
}

PublishedEvent system_event(const transport::DeviceId& device, std::string name, std::string_view data) {
  PublishedEvent event;
  event.name = std::move(name);
  event.data = data;
  event.from = device;
  event.published_at = utc_milliseconds();
  return event;
}

}  // namespace

bool is_system_event(std::string_view name) {
  return begins_with_lower_ascii(name, "spark") || begins_with_lower_ascii(name, "particle") || is_ours(name);
}

bool is_unheard(std::string_view name) {
  constexpr std::array<std::string_view, 6> between_us{"spark/device/claim/", "spark/device/random",
      "spark/device/name", "spark/device/ip", "spark/device/key/", "spark/hardware/"};
  return std::any_of(between_us.begin(), between_us.end(), [&](auto prefix) { return name.starts_with(prefix); }) ||
      (name.starts_with("particle/device/") && !name.starts_with("particle/device/updates/")) || is_ours(name);
}

std::optional<std::string> unusable_event(const PublishedEvent& event) {
  constexpr std::size_t longest_name = 64;
  constexpr std::size_t longest_data = 1024;
  if (event.name.empty() || event.name.size() > longest_name) return "an event needs a name of at most 64 bytes";
  if (event.data.size() > longest_data) return "an event carries at most 1024 bytes of data";
  if (log::printable(event.name) != event.name) return "the name of an event has no control characters";
  if (is_system_event(event.name)) return "names that begin with 'spark', 'particle' or 'drydock/' are the system's";
  return std::nullopt;
}

PublishedEvent status_event(const transport::DeviceId& device, std::string_view what) {
  return system_event(device, "spark/status", what);
}

PublishedEvent safe_mode_event(
    const transport::DeviceId& device, std::uint16_t platform, std::uint16_t system_version) {
  return system_event(
      device, "spark/status/safe-mode", fmt::format(R"({{"p":{},"system_version":{}}})", platform, system_version));
}

PublishedEvent vitals_event(const transport::DeviceId& device, std::string_view vitals) {
  return system_event(device, "spark/device/diagnostics/update", vitals);
}

PublishedEvent application_event(const transport::DeviceId& device, std::string_view sha256) {
  return system_event(device, "spark/device/app-hash", sha256);
}

PublishedEvent rollout_event(std::int64_t id, const std::string& release, const std::string& reason) {
  PublishedEvent event;
  event.name = "drydock/rollout/stopped";
  event.data = printed({{"rollout", id}, {"release", release}, {"reason", shorten(reason, longest_words)}});
  event.published_at = utc_milliseconds();
  return event;
}

PublishedEvent update_event(
    const transport::DeviceId& device, std::string_view what, const std::string& module, const std::string& words) {
  return system_event(device, fmt::format("drydock/update/{}", what),
      printed({{"module", module}, {"words", shorten(words, longest_words)}}));
}

PublishedEvent waiting_event(const transport::DeviceId& device, const std::string& address) {
  return system_event(device, "drydock/device/waiting", printed({{"address", address}}));
}

PublishedEvent changed_key_event(const transport::DeviceId& device, const std::string& fingerprint) {
  return system_event(device, "drydock/device/changed_key", printed({{"fingerprint", fingerprint}}));
}

PublishedEvent absence_event(const transport::DeviceId& device, std::string_view what, std::int64_t away) {
  constexpr std::int64_t minute = 60'000;
  return system_event(device, fmt::format("drydock/absence/{}", what), printed({{"minutes", away / minute}}));
}

PublishedEvent flash_event(const transport::DeviceId& device, std::string_view what) {
  return system_event(device, "spark/flash/status", std::string(what) + " ");
}

const LastVitals::Entry* DeviceServer::take_vitals(const transport::DeviceId& id, ByteView said) {
  const auto vitals = device::parse_vitals(said);
  if (!vitals) return nullptr;
  vitals_.keep(id, {utc_milliseconds(), vitals_json(*vitals).dump()});
  return vitals_.find(id);
}

void DeviceServer::take_event(const transport::DeviceId& id, const device::Event& event) {
  auto* entry = find(id);
  if (entry != nullptr && event.name == "spark/device/claim/code") return take_claim_code(id, event.data);
  if (entry == nullptr || entry->row.approval != "approved" || is_unheard(event.name)) return;
  const auto now = Clock::now();
  if (entry->event_budget.full(now)) entry->events_dropped = false;
  if (!entry->event_budget.take(now)) {
    if (!std::exchange(entry->events_dropped, true))
      record(*entry, log::Level::warning, "events", "publishes too often: some of its events are dropped");
    return;
  }
  note_health(*entry, event.name);
  PublishedEvent published;
  static_cast<device::Event&>(published) = event;
  published.from = id;
  published.published_at = utc_milliseconds();
  publish(published);
}

// A rollout may wait for it; once for each connection is enough.
void DeviceServer::note_health(DeviceEntry& entry, const std::string& event) {
  const auto& awaited = entry.policy.health_event;
  if (awaited.empty() || !event.starts_with(awaited) || entry.heard_in == entry.row.reconnections) return;
  entry.heard_in = entry.row.reconnections;
  repository_.note_health(entry.policy.rollout, entry.row.id, entry.row.reconnections);
}

void DeviceServer::publish(const PublishedEvent& event) {
  events_published.add();
  own_events_.tell(event);
  publish_here(event);
  if (others_) others_->tell(event);
}

void DeviceServer::publish_here(const PublishedEvent& event) {
  heard_events_.tell(event);
  if (is_system_event(event.name)) return;
  for (const auto& id : subscriptions_.subscribers(event.name)) {
    const auto* entry = find(id);
    if (entry == nullptr || entry->device == nullptr || entry->row.approval != "approved") continue;
    if (entry->device->takes(event, event.from)) entry->device->deliver(event);
  }
}

void DeviceServer::note_subscription(const transport::DeviceId& id) {
  auto* entry = find(id);
  if (entry == nullptr || entry->device == nullptr) return;
  const auto& subscriptions = entry->device->reported().subscriptions;
  bool own = false;
  for (const auto& subscription : subscriptions) {
    if (is_system_event(subscription.prefix)) continue;
    own = true;
    subscriptions_.add(subscription.prefix, id);
  }
  if (!own) return;
  auto application = with_subscriptions(entry->row.application, subscriptions);
  if (std::exchange(entry->row.application, application) != application) save(*entry);
}

}  // namespace drydock::server
