// A Particle device's identity: 12 bytes, printed as 24 hexadecimal digits.
#pragma once

#include "base/bytes.hpp"

#include <array>
#include <compare>

namespace drydock::transport {

struct DeviceId {
  std::array<std::uint8_t, 12> bytes{};

  auto operator<=>(const DeviceId&) const = default;
  std::string text() const { return to_hex(bytes); }

  static std::optional<DeviceId> parse(std::string_view text) {
    const auto raw = from_hex(text);
    if (!raw || raw->size() != 12) return std::nullopt;
    DeviceId id;
    std::copy(raw->begin(), raw->end(), id.bytes.begin());
    return id;
  }
};

}  // namespace drydock::transport
