// What was tried before decides what may be tried now: the only memory planning has. A module that does not take must
// never circle (PROTOCOL §7.3, R9).
#pragma once

#include "planning/plan.hpp"

#include <chrono>
#include <cstdint>

namespace drydock::planning {

/// Tries count for (device, module file, version it replaces): a device that moved on starts afresh.
struct Attempts {
  int count = 0;
  std::int64_t last_started = 0;  ///< milliseconds of the service's running time
  std::string last_error;
  int recent_sends =
      0;  ///< how often this file was begun to be sent to this device within sends_window, whatever came of it
};

inline constexpr int max_attempts = 3;

/// Verified or not: a device that needs the same file again and again is not helped by sending it once more.
inline constexpr int max_sends = 12;
inline constexpr std::chrono::hours sends_window{24};

/// How long to leave a device alone after its n-th failed attempt at a step, n counted from 1.
std::chrono::milliseconds retry_delay(int failed_attempts);

struct Permission {
  enum class Answer { go, wait, give_up };
  Answer answer = Answer::go;
  std::int64_t not_before = 0;  ///< running time, for `wait`
  std::string words;            ///< for `wait` and `give_up`: what a person should know
};

Permission check_attempt(const Step& step, const Attempts& before, std::int64_t now);

/// A step that was begun on an earlier connection.
struct InFlight {
  firmware::ModuleKey key;
  std::uint16_t version = 0;
  std::string suffix_sha256;
  std::optional<std::uint16_t> from_version;
  bool completely_sent = false;
  bool confirmed = true;  ///< the device said so; else its connection ended before it could
};

struct Reconciled {
  bool verified = false;
  std::string words;   ///< why not, when not verified
  bool counts = true;  ///< as a failed attempt: not where nobody knows whether the device ever had the whole image
};

/// Only a fresh Describe says what became of a step (PROTOCOL §7.6).
Reconciled reconcile(const InFlight& step, const firmware::Inventory& reported);

}  // namespace drydock::planning
