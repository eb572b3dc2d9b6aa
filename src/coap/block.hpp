// Block-wise transfer's option value (RFC 7959 §2.2): number, more, size.
#pragma once

#include "coap/message.hpp"

namespace drydock::coap {

struct Block {
  std::uint32_t number = 0;  ///< below 2^20
  bool more = false;
  std::uint8_t size_exponent = 6;  ///< SZX: 0 to 6, for 16 to 1024 bytes

  std::size_t size() const { return std::size_t{16} << size_exponent; }
  bool operator==(const Block&) const = default;
};

/// Nothing when the option is absent, longer than 3 bytes, or of the reserved size 7.
std::optional<Block> find_block(const Message& message, std::uint16_t number);

void add_block(Message& message, std::uint16_t number, const Block& block);

}  // namespace drydock::coap
