#include "integrations/mqtt_topics.hpp"

#include "transport/device_id.hpp"

#include <algorithm>

namespace drydock::integrations {
namespace {

// Of an event, as Particle has it; topics may be longer.
constexpr std::size_t longest_name = 64;

}  // namespace

bool begins_with_any(const std::string& name, const std::vector<std::string>& beginnings) {
  return std::any_of(
      beginnings.begin(), beginnings.end(), [&](const auto& beginning) { return name.starts_with(beginning); });
}

std::optional<std::string> MqttTopics::event(const std::string& device, std::string_view name) const {
  using namespace std::string_view_literals;
  if (name.empty() || name.size() > longest_name || name.find_first_of("+#\0"sv) != std::string_view::npos)
    return std::nullopt;
  return of(device) + "/events/" + std::string(name);
}

std::string MqttTopics::device_in(std::string_view topic, std::string_view end) const {
  const auto beginning = of("");
  if (!topic.starts_with(beginning) || !topic.ends_with(end) || topic.size() < beginning.size() + end.size()) return "";
  const auto id = topic.substr(beginning.size(), topic.size() - beginning.size() - end.size());
  return transport::DeviceId::parse(id) ? std::string(id) : "";
}

std::string MqttTopics::published_name(std::string_view topic) const {
  const auto beginning = beginning_ + "/publish/";
  if (!topic.starts_with(beginning)) return "";
  const auto name = topic.substr(beginning.size());
  return name.size() <= longest_name ? std::string(name) : "";
}

}  // namespace drydock::integrations
