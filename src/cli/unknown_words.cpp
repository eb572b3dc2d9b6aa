#include "cli/unknown_words.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace drydock::cli {
namespace {

// Letters left out, too many, wrong, or two that changed places (optimal string alignment).
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  std::iota(d[0].begin(), d[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

const CLI::App* command_named(const CLI::App& app, const std::string& name) {
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (command->check_name(name)) return command;
  return nullptr;
}

// Options of a command above are understood too.
const CLI::Option* option_named(const CLI::App* app, const std::string& name) {
  for (; app != nullptr; app = app->get_parent())
    if (const auto* option = app->get_option_no_throw(name)) return option;
  return nullptr;
}

std::vector<std::string> option_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent())
    for (const auto* option : app->get_options())
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string meant(const std::optional<std::string>& word, const std::string& before) {
  return word ? fmt::format(": did you mean '{}{}'?", before, *word) : std::string();
}

}  // namespace

std::optional<std::string> nearest(const std::string& word, const std::vector<std::string>& candidates) {
  constexpr std::size_t longest = 40;
  if (word.size() > longest) return std::nullopt;
  std::optional<std::string> best;
  std::size_t least = std::min<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates)
    if (const auto far = distance(word, candidate); far < least) {
      least = far;
      best = candidate;
    }
  return best;
}

std::optional<std::string> unknown_word(const CLI::App& app, const std::vector<std::string>& words) {
  const auto* under = &app;
  std::string before = app.get_name() + " ";
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const auto& word = words[i];
    if (word.size() > 1 && word.front() == '-') {
      const auto name = word.substr(0, word.find('='));
      const auto* option = option_named(under, name);
      if (option == nullptr && name.starts_with("--"))
        return fmt::format("'{}' has no option '{}'{}", before.substr(0, before.size() - 1), name,
            meant(nearest(name, option_names(under)), ""));
      if (option != nullptr && name == word && option->get_items_expected_max() > 0) ++i;
      continue;
    }
    if (const auto* command = command_named(*under, word)) {
      under = command;
      before += word + " ";
      continue;
    }
    std::vector<std::string> names;
    for (const auto* command : commands_of(*under)) names.push_back(command->get_name());
    if (names.empty()) continue;
    const auto near = nearest(word, names);
    return fmt::format("there is no command '{}{}'{}", before, word,
        near ? meant(near, before) : fmt::format(". There are: {}", fmt::join(names, ", ")));
  }
  return std::nullopt;
}

}  // namespace drydock::cli
