#include "coap/block.hpp"

namespace drydock::coap {

std::optional<Block> find_block(const Message& message, std::uint16_t number) {
  const auto value = message.find_uint(number);
  if (!value || *value > 0xffffff || (*value & 7) == 7) return std::nullopt;
  return Block{*value >> 4, (*value & 8) != 0, static_cast<std::uint8_t>(*value & 7)};
}

void add_block(Message& message, std::uint16_t number, const Block& block) {
  message.add_uint(number, block.number << 4 | (block.more ? 8U : 0U) | block.size_exponent);
}

}  // namespace drydock::coap
