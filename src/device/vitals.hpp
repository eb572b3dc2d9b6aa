// A device's vitals: the metrics part of its Describe (PROTOCOL §4.2, flag 4), numbers by the ids of Device OS.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <vector>

namespace drydock::device {

namespace describe_flag {
inline constexpr std::uint8_t metrics = 4;
}

struct Vital {
  std::uint16_t id = 0;
  std::int32_t value = 0;  ///< what it counts is for who knows the id
  bool operator==(const Vital&) const = default;
};

/// Whether a Describe is of this kind, and not JSON or protobuf.
bool is_vitals(ByteView body);

/// Without those that the device has an error for. ErrorKind::malformed, also for more than 128.
Result<std::vector<Vital>> parse_vitals(ByteView body);

}  // namespace drydock::device
