// Where commands are declared: each has a name, a line of help, and what it does.
#pragma once

#include "cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <functional>

namespace drydock::cli {

class CommandRegistry {
public:
  using Action = std::function<int(const Context&)>;

  CLI::App* command(CLI::App& under, const std::string& name, const std::string& what, Action action) {
    auto* sub = under.add_subcommand(name, what);
    sub->callback([this, action = std::move(action)] { chosen = action; });
    return sub;
  }
  void with_json(CLI::App* sub) { sub->add_flag("--json", json, "As JSON"); }

  Action chosen;  ///< by the command line that was parsed
  bool json = false;
};

/// groups, targets, releases, rollouts, audit.
void add_fleet_commands(CLI::App& app, CommandRegistry& registry);

}  // namespace drydock::cli
