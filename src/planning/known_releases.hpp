// Plans over what Device OS releases there are, whatever the library holds.
#pragma once

#include "firmware/releases.hpp"
#include "planning/plan.hpp"

namespace drydock::planning {

/// Every module of every release of a platform as if its file were in the library; `file_name` is the release's number.
/// Valid until the thread's next call.
const firmware::Library& known_modules(std::uint16_t platform);

/// What a device with one release's modules would be sent to run the system of another.
Plan plan_between(const firmware::Release& from, const firmware::Release& to);

}  // namespace drydock::planning
