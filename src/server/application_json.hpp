// An application's functions and variables as the store keeps them for people.
#pragma once

#include "device/describe.hpp"

namespace drydock::server {
std::string application_json(const device::ApplicationDescribe& application);
}
