// How what somebody waits for stands: devices, or a rollout, here or elsewhere.
#pragma once

#include "cli/commands.hpp"
#include "base/result.hpp"

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace drydock::cli {

/// Of whatever waits while a person has paused all updates.
inline constexpr auto paused_words = "waits: all updates are paused, 'drydock resume' lets them go on";

struct Standing {
  std::string reached;               ///< in words; empty: it is not
  std::vector<std::string> stuck;    ///< why nothing goes on before somebody does something; empty: it goes on
  std::string words;                 ///< what is waited for
  std::vector<std::string> missing;  ///< a line for each that is not as it should be
  nlohmann::json left = nlohmann::json::array();  ///< the same, for programs
  bool running = true;                            ///< the service
};

/// Each call looks anew. ErrorKind::closed and ErrorKind::rate_limited: it may go another time.
using StandingSource = std::function<Result<Standing>()>;

/// Errors: of what was chosen, or of who is asked.
Result<StandingSource> standing_of_devices(const Context& context, const WaitOptions& options);
Result<StandingSource> standing_of_rollout(const Context& context, const WaitOptions& options);

}  // namespace drydock::cli
