// One simulated history: a server, a few devices, a bad network and power cuts, all drawn from a seed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace drydock::sim {

struct Outcome {
  std::string violation;  ///< of an invariant, in words; empty: all held
  std::chrono::milliseconds virtual_time{};
  std::size_t images = 0;       ///< received by devices
  std::size_t power_cuts = 0;   ///< of the machine, or kills of the process
  std::size_t clock_jumps = 0;  ///< of the wall clock, to 1970 and elsewhere
  std::size_t calls = 0;        ///< of functions that returned
  std::size_t disk_faults = 0;  ///< times when the disk was full or broken
};

struct Plan {
  bool forget_attempts = false;  ///< a bug planted on purpose: the store keeps no count of attempts
  bool releases = false;         ///< devices of any platform and release, libraries of the field
  bool nodes = false;            ///< several machines over one store: nodes_history.hpp
  bool tell = false;             ///< print the log
};

/// The same seed gives the same history.
Outcome run_history(std::uint32_t seed, const Plan& plan);

}  // namespace drydock::sim
