// The matrix of all releases (./dev matrix): which pairs have a path, how long it is, and why there is none.
#include "matrix/counterexamples.hpp"
#include "matrix/release_matrix.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace drydock;
using namespace drydock::testing;

namespace {

struct Totals {
  int pairs = 0;
  int found = 0;
  int faults = 0;
  std::size_t longest = 0;
  std::string longest_words;
};

// The time of one plan with all of the platform's modules in the library, in microseconds, for the first step of
// every pair.
std::vector<double> plan_times(const ReleaseFiles& files) {
  std::vector<double> times;
  const auto releases = device_os::releases_of(files.platform);
  for (const auto* from : releases) {
    const auto inventory = described(device_os::make_flash(files.platform, device_os::factory_state(*from)),
        files.platform, from->protobuf_describe);
    for (const auto* to : releases) {
      const auto targets = targets_for(files, *from, *to);
      const auto begin = std::chrono::steady_clock::now();
      (void)planning::plan(inventory, files.library, targets);
      times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
    }
  }
  return times;
}

int report(const SearchResult& found, bool planted) {
  fmt::print("{} random cases: {} plans with {} steps, {} current, {} blocked\n", found.plans,
      found.plans - found.current - found.blocked, found.steps, found.current, found.blocked);
  if (!found.counterexample.empty()) fmt::print("{}\n", found.counterexample);
  if (planted && found.counterexample.empty()) fmt::print("the planted fault was not found\n");
  return found.counterexample.empty() != planted ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("From every release of Device OS to every other: paths, their length, and reasons where there is none");
  std::string only, json_file;
  bool all_reasons = false, time = false, plant = false;
  int search = 0;
  std::uint64_t seed = 1;
  app.add_option("--platform", only, "this one only: photon, boron, ...");
  app.add_option("--json", json_file, "write every pair to this file");
  app.add_flag("--reasons", all_reasons, "print the reason of every pair without a path");
  app.add_flag("--time", time, "measure how long planning takes");
  app.add_option("--search", search, "instead: look for plans that hurt, in this many random cases");
  app.add_option("--seed", seed, "of the search");
  app.add_flag("--plant", plant, "search with a planner that sends bootloaders first: it must be found");
  CLI11_PARSE(app, argc, argv);
  if (search > 0) return report(search_counterexamples(seed, search, plant), plant);

  Totals all;
  std::vector<double> times;
  auto results = nlohmann::json::array();
  for (const auto platform : device_os::platforms()) {
    const auto releases = device_os::releases_of(platform);
    if (platform == 0 || (!only.empty() && releases.front()->platform_name != only)) continue;
    const ReleaseFiles files(platform);
    Totals here;
    std::map<std::string, int> reasons;
    for (const auto* from : releases)
      for (const auto* to : releases) {
        if (from == to) continue;
        const auto path = follow(files, *from, *to);
        ++here.pairs;
        here.found += path.arrived;
        if (!path.fault.empty()) {
          ++here.faults;
          fmt::print("FAULT {} {} -> {}: {} ({})\n", releases.front()->platform_name, from->number, to->number,
              path.fault, fmt::join(path.steps, ", "));
        } else if (!path.arrived) {
          ++reasons[(to->system_version > from->system_version ? "up: " : "down: ") + path.why_not];
          if (all_reasons) fmt::print("  {} -> {}: {}\n", from->number, to->number, path.why_not);
        }
        if (path.arrived && path.steps.size() > here.longest) {
          here.longest = path.steps.size();
          here.longest_words = fmt::format("{} -> {}: {}", from->number, to->number, fmt::join(path.steps, ", "));
        }
        results.push_back({{"platform", releases.front()->platform_name}, {"from", from->number}, {"to", to->number},
            {"steps", path.steps}, {"arrived", path.arrived}, {"why_not", path.why_not}, {"fault", path.fault}});
      }
    fmt::print("{}: {} releases, {} pairs, {} with a path, {} without, {} faults; longest {} steps ({})\n",
        releases.front()->platform_name, releases.size(), here.pairs, here.found, here.pairs - here.found, here.faults,
        here.longest, here.longest_words);
    for (const auto& [words, count] : reasons)
      if (!all_reasons && reasons.size() < 8) fmt::print("   {} x {}\n", count, words);
    all.pairs += here.pairs;
    all.found += here.found;
    all.faults += here.faults;
    if (time) {
      const auto more = plan_times(files);
      times.insert(times.end(), more.begin(), more.end());
    }
  }
  fmt::print("all: {} pairs, {} with a path, {} without, {} faults\n", all.pairs, all.found, all.pairs - all.found,
      all.faults);
  if (!times.empty()) {
    std::sort(times.begin(), times.end());
    fmt::print("one plan: median {:.0f} us, p99 {:.0f} us, longest {:.0f} us ({} plans)\n", times[times.size() / 2],
        times[times.size() * 99 / 100], times.back(), times.size());
  }
  if (!json_file.empty()) std::ofstream(json_file) << results.dump(1);
  return all.faults == 0 ? 0 : 1;
}
