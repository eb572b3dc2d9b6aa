// Whether everything is as it must be for the service to run, looked at from outside: the files, the database, the
// ports.
#pragma once

#include "state/configuration.hpp"
#include "state/state_folder.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace drydock::service {

enum class Verdict { good, problem, later };  ///< later: it comes by itself with the first start

/// "good", "problem", "later".
std::string_view verdict_name(Verdict verdict);

struct CheckLine {
  Verdict verdict = Verdict::good;
  std::string what;   ///< "key for TCP"
  std::string words;  ///< what was found, and what to do about it
};

/// Reads every firmware file: seconds, with many of them. From any thread; the service may run meanwhile.
std::vector<CheckLine> check(const state::StateFolder& folder, const state::Configuration& configuration);

}  // namespace drydock::service
