// An application's functions, variables and subscriptions as the store keeps them.
#pragma once

#include "device/describe.hpp"
#include "device/messages.hpp"

namespace drydock::server {

std::string application_json(
    const device::ApplicationDescribe& application, const std::vector<device::Subscription>& subscriptions);

/// Those that are no longer than a device has: in a session that goes on it does not repeat them (PROTOCOL §4.5).
std::vector<device::Subscription> subscriptions_in(const std::string& application_json);
/// The same with other subscriptions.
std::string with_subscriptions(
    const std::string& application_json, const std::vector<device::Subscription>& subscriptions);

}  // namespace drydock::server
