// What happened, for people.
#pragma once

#include "integrations/message.hpp"

namespace drydock::integrations {

/// Whether somebody has to do something about it.
bool is_urgent(const std::string& event);
/// Of a digest: how many there were of what, "3 devices failed, 1 rollout stopped". For one it is its line.
std::string headline(const std::vector<Told>& told);

}  // namespace drydock::integrations
