// What every kind of transfer reports.
#pragma once

#include <cstddef>
#include <functional>

namespace drydock::transfer {

/// Where a transfer ended when nothing failed.
struct Delivery {
  bool confirmed = false;  ///< the device acknowledged the whole image; else it went away right after it (before 0.8)
  bool fast = false;       ///< without waiting for the answer to each chunk
  std::size_t resent = 0;  ///< chunks sent more than once
  std::size_t offset = 0;  ///< bytes the device had already
};

/// Bytes of the image that have arrived, as far as can be known: non-decreasing, at most its size.
using Progress = std::function<void(std::size_t bytes)>;

}  // namespace drydock::transfer
