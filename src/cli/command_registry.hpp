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
  /// The option of its URL.
  static CLI::Option* with_remote(CLI::App* sub, RemoteDrydock& remote, const std::string& scope) {
    sub->add_option("--token-file", remote.token_file,
        "A file with an API token of the scope " + scope + "; without it the token is in DRYDOCK_TOKEN");
    sub->add_option("--ca", remote.ca, "The page's certificate, or that of who signed it, as a PEM file")
        ->check(CLI::ExistingFile);
    return sub
        ->add_option("--url", remote.url, "Where the page of a Drydock elsewhere is: https://drydock.example.org:8080")
        ->envname("DRYDOCK_URL");
  }

  Action chosen;  ///< by the command line that was parsed
  bool json = false;
};

/// groups, targets, releases, rollouts, audit.
void add_fleet_commands(CLI::App& app, CommandRegistry& registry);

}  // namespace drydock::cli
