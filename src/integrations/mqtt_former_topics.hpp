// Topics that a broker keeps from a configuration before this one, for whoever reads there takes them for true.
#pragma once

#include "integrations/home_assistant.hpp"

#include <string>
#include <vector>

namespace drydock::integrations {

/// Where it tells of the fleet, to be kept until it has another configuration.
std::string places_of(const HomeAssistant& home_assistant);

/// What is retained there that is nowhere now, of the fleet and of these devices. `before`: places_of() that time; of
/// what cannot be read there is nothing.
std::vector<std::string> former_topics(
    const std::string& before, const HomeAssistant& now, const std::vector<std::string>& device_ids);

}  // namespace drydock::integrations
