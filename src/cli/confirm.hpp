// A question before something that cannot be taken back.
#pragma once

#include "base/result.hpp"

#include <string>

namespace drydock::cli {

/// Asks on the terminal, unless `yes`. ErrorKind::refused: the answer was not yes, or there is no terminal to ask on.
Result<void> confirmed(const std::string& question, bool yes);

}  // namespace drydock::cli
