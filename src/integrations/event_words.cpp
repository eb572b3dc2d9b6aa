#include "integrations/event_words.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "server/events.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace drydock::integrations {
namespace {

using nlohmann::json;

constexpr std::size_t longest_data = 200;

std::string field(const json& data, const char* key) {
  const auto found = data.is_object() ? data.find(key) : data.end();
  return data.is_object() && found != data.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string duration(const json& data) {
  const auto minutes = data.is_object() ? data.value("minutes", std::int64_t{0}) : 0;
  const auto words = [](std::int64_t count, const char* unit) {
    return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s");
  };
  if (minutes < 120) return words(minutes, "minute");
  return minutes < 48 * 60 ? words(minutes / 60, "hour") : words(minutes / (24 * 60), "day");
}

// Devices may publish any bytes.
std::string as_utf8(const std::string& text) {
  return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

std::string what_happened(const store::Delivery& event) {
  const auto data = json::parse(event.data, nullptr, false);
  if (event.event == "spark/status")
    return event.data == "online" ? "is here" : event.data == "offline" ? "went away" : event.data;
  if (event.event == "spark/status/safe-mode") return "is in safe mode";
  if (event.event == "drydock/update/verified") return "runs " + field(data, "module") + " now";
  if (event.event == "drydock/update/failed") return field(data, "module") + " failed: " + field(data, "words");
  if (event.event == "drydock/update/given_up")
    return "needs attention, for " + field(data, "module") + " failed too often: " + field(data, "words");
  if (event.event == "drydock/update/blocked") return "needs attention: " + field(data, "words");
  if (event.event == "drydock/update/finished") return "has all it needs";
  if (event.event == "drydock/device/changed_key")
    return "came with another key than the one on file, " + field(data, "fingerprint") + ", and was refused";
  if (event.event == "drydock/absence/began") return "has been away for " + duration(data);
  if (event.event == "drydock/absence/ended") return "is back, after " + duration(data);
  if (event.event == "drydock/device/waiting")
    return "is new, at " + field(data, "address") + ", and waits for approval";
  if (event.event == "drydock/rollout/stopped")
    return "The rollout of " + field(data, "release") + " has stopped: " + field(data, "reason");
  if (event.event == "drydock/test") return "This is a test: messages arrive";
  return fmt::format("published {}{}{}", event.event, event.data.empty() ? "" : ": ", event.data);
}

// By gravity.
struct Kind {
  std::string_view event;
  const char* one;
  const char* many;
};
constexpr Kind kinds[] = {{"drydock/rollout/stopped", "rollout stopped", "rollouts stopped"},
    {"drydock/update/given_up", "device failed too often", "devices failed too often"},
    {"drydock/update/blocked", "device cannot be updated", "devices cannot be updated"},
    {"drydock/device/changed_key", "device came with another key", "devices came with another key"},
    {"drydock/update/failed", "module failed", "modules failed"},
    {"drydock/absence/began", "device went away", "devices went away"},
    {"drydock/device/waiting", "new device", "new devices"},
    {"drydock/absence/ended", "device came back", "devices came back"},
    {"drydock/update/finished", "device became up to date", "devices became up to date"},
    {"drydock/update/verified", "module was installed", "modules were installed"}};
constexpr std::array urgent{
    "drydock/rollout/stopped", "drydock/update/given_up", "drydock/update/blocked", "drydock/device/changed_key"};

std::ptrdiff_t gravity(const Told& told) {
  return std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind& kind) {
    return kind.event == told.delivery.event;
  }) - std::begin(kinds);
}

}  // namespace

std::span<const char* const> urgent_events() {
  return urgent;
}

bool is_urgent(const std::string& event) {
  return std::find(urgent.begin(), urgent.end(), event) != urgent.end();
}

bool means(const std::string& name, const std::string& event) {
  return event == name || (event.starts_with(name) && (name.ends_with('/') || !server::is_system_event(event)));
}

bool may_come(const std::string& beginning) {
  return !beginning.starts_with("drydock/") || std::any_of(std::begin(kinds), std::end(kinds), [&](const Kind& kind) {
    return means(beginning, std::string(kind.event));
  });
}

void sort_by_gravity(std::vector<Told>& told) {
  std::stable_sort(told.begin(), told.end(), [](const Told& a, const Told& b) { return gravity(a) < gravity(b); });
}

std::string line_of(const Told& told) {
  const auto& id = told.delivery.device_id;
  const auto who = told.device_name.empty() ? id : told.device_name;
  auto words = what_happened(told.delivery);
  if (!who.empty()) words = fmt::format("{}{}{}", who, words.find(" failed: ") != words.npos ? ": " : " ", words);
  return shorten(log::printable(as_utf8(words)), longest_data + 100);
}

std::string headline(const std::vector<Told>& told) {
  if (told.size() == 1) return line_of(told.front());
  std::string words;
  std::size_t named = 0;
  for (const auto& kind : kinds) {
    const auto count =
        std::count_if(told.begin(), told.end(), [&](const auto& each) { return each.delivery.event == kind.event; });
    if (count == 0) continue;
    named += static_cast<std::size_t>(count);
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, count == 1 ? kind.one : kind.many);
  }
  if (named == 0) return fmt::format("{} events", told.size());
  if (const auto others = told.size() - named; others != 0)
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", others, others == 1 ? "other event" : "other events");
  return words;
}

std::string fleet_in_words(const std::map<std::string, std::int64_t>& devices_by_state) {
  std::int64_t current = 0;
  std::int64_t all = 0;
  for (const auto& [state, count] : devices_by_state) {
    if (state == "awaiting_approval" || state == "refused") continue;
    all += count;
    if (state == "current") current = count;
  }
  return all == 0 ? "" : fmt::format("{} of {} device{} up to date", current, all, all == 1 ? " is" : "s are");
}

}  // namespace drydock::integrations
