// What to say to a word of the command line that means nothing: which one was it, and what was meant.
#pragma once

#include "cli/command_registry.hpp"

#include <optional>
#include <string>
#include <vector>

namespace drydock::cli {

/// The candidate that is the fewest letters away from `word`; nothing when none is near: at most a third of it, and two
/// letters, may differ.
std::optional<std::string> nearest(const std::string& word, const std::vector<std::string>& candidates);

/// About the first word that should name a command or an option and does not; nothing when all do.
std::optional<std::string> unknown_word(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace drydock::cli
