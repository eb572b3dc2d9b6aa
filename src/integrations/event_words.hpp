// What happened, for people.
#pragma once

#include "integrations/message.hpp"

#include <span>

namespace drydock::integrations {

/// Events that somebody has to do something about: the names of them all.
std::span<const char* const> urgent_events();
bool is_urgent(const std::string& event);
/// The gravest first, else as it was.
void sort_by_gravity(std::vector<Told>& told);
/// Of a digest: how many there were of what, "3 devices failed, 1 rollout stopped". For one it is its line.
std::string headline(const std::vector<Told>& told);

}  // namespace drydock::integrations
