// Releases and rollouts for programs, from the command line and the page alike.
#pragma once

#include "server/releases.hpp"
#include "server/rollouts.hpp"

namespace drydock::server {

std::string release_as_json(const store::ReleaseRow& release);
std::string releases_as_json(const std::vector<store::ReleaseRow>& releases);
std::string rollout_as_json(const store::RolloutRow& rollout);
std::string rollouts_as_json(const std::vector<store::RolloutRow>& rollouts);
std::string rollout_plan_as_json(const RolloutPlan& plan);

}  // namespace drydock::server
