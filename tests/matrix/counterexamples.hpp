/// A search for plans that would hurt a device: random devices, random libraries, random wishes.
#pragma once

#include <cstdint>
#include <string>

namespace drydock::testing {

struct SearchResult {
  int plans = 0;
  int steps = 0;
  int current = 0;
  int blocked = 0;
  std::string counterexample;  ///< the first one: device, library, targets, plan and what went wrong
};

/// Deterministic for a seed. Stops at the first counterexample. `plant`: a planner that sends bootloaders first, which
/// the search must find.
SearchResult search_counterexamples(std::uint64_t seed, int count, bool plant = false);

}  // namespace drydock::testing
