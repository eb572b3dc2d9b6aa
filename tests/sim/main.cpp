// simulation --seeds N [--first S] [--plant] [--tell]: runs N histories on two processes; ends with status 1 and the
// seed at the first violated invariant.
#include "sim/history.hpp"
#include "sim/nodes_history.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace drydock;

namespace {

struct Totals {
  std::uint32_t histories = 0;
  double virtual_seconds = 0;
  std::uint64_t images = 0;
  std::uint64_t calls = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t disk_faults = 0;
  std::uint64_t clock_jumps = 0;
  std::uint32_t failed_seed = 0;
  bool failed = false;
};

Totals run(std::uint32_t first, std::uint32_t step, std::uint32_t end, const sim::Plan& plan) {
  Totals totals;
  for (auto seed = first; seed < end; seed += step) {
    const auto outcome = plan.nodes ? sim::run_nodes_history(seed, plan) : sim::run_history(seed, plan);
    ++totals.histories;
    totals.virtual_seconds += std::chrono::duration<double>(outcome.virtual_time).count();
    totals.images += outcome.images;
    totals.calls += outcome.calls;
    totals.power_cuts += outcome.power_cuts;
    totals.disk_faults += outcome.disk_faults;
    totals.clock_jumps += outcome.clock_jumps;
    if (outcome.violation.empty()) continue;
    fmt::print("seed {}: {}\n", seed, outcome.violation);
    std::fflush(stdout);
    totals.failed = true;
    totals.failed_seed = seed;
    break;
  }
  return totals;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Simulated histories of an appliance and its devices");
  std::uint32_t seeds = 1000;
  std::uint32_t first = 1;
  sim::Plan plan;
  app.add_option("--seeds", seeds, "How many histories")->capture_default_str();
  app.add_option("--first", first, "The first seed")->capture_default_str();
  app.add_flag("--nodes", plan.nodes, "Several machines over one store, with partitions and kills");
  app.add_flag("--plant", plan.forget_attempts,
      "Plant a bug: attempts are not counted, or with --nodes: who is taken for gone goes on sending");
  app.add_flag("--releases", plan.releases, "Devices of any platform and release of Device OS, with the field's files");
  app.add_flag("--tell", plan.tell, "Print what happens");
  CLI11_PARSE(app, argc, argv);

  const auto began = std::chrono::steady_clock::now();
  const std::uint32_t workers = seeds > 1 && !plan.tell ? 2 : 1;
  std::vector<int> results;
  for (std::uint32_t w = 0; w < workers; ++w) {
    int ends[2];
    if (::pipe(ends) != 0) return 2;
    if (::fork() == 0) {
      const auto totals = run(first + w, workers, first + seeds, plan);
      if (::write(ends[1], &totals, sizeof totals) != sizeof totals) ::_exit(2);
      std::fflush(stdout);
      ::_exit(0);
    }
    ::close(ends[1]);
    results.push_back(ends[0]);
  }
  Totals all;
  for (const int end : results) {
    Totals totals;
    if (::read(end, &totals, sizeof totals) != sizeof totals) {
      fmt::print("a worker ended without a result\n");
      all.failed = true;
      continue;
    }
    all.histories += totals.histories;
    all.virtual_seconds += totals.virtual_seconds;
    all.images += totals.images;
    all.calls += totals.calls;
    all.power_cuts += totals.power_cuts;
    all.disk_faults += totals.disk_faults;
    all.clock_jumps += totals.clock_jumps;
    all.failed |= totals.failed;
  }
  while (::wait(nullptr) > 0) {}
  const double real = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  fmt::print(
      "{} histories, {} images received, {} functions returned, {} power cuts and kills, {} disk faults, {} clock "
      "jumps, {:.0f} hours of "
      "virtual time in {:.1f} s: {:.0f} histories/s, virtual to real {:.0f}\n",
      all.histories, all.images, all.calls, all.power_cuts, all.disk_faults, all.clock_jumps,
      all.virtual_seconds / 3600, real, all.histories / real, all.virtual_seconds / real);
  return all.failed ? 1 : 0;
}
