// Puts a body together from its blocks (RFC 7959), in order, within a limit.
#pragma once

#include "coap/block.hpp"

namespace drydock::coap {

class BlockAssembler {
public:
  explicit BlockAssembler(std::size_t limit) : limit_(limit) {}

  /// The whole body with its last block, nothing before that. Block 0 starts afresh; a repeated block is ignored.
  /// ErrorKind::malformed for a block out of turn, ErrorKind::too_large beyond the limit; both forget what there was.
  Result<std::optional<Bytes>> add(const Block& block, ByteView payload) {
    if (block.number == 0) reset();
    if (block.number + 1 == next_ && block.number != 0) return std::nullopt;
    if (block.number != next_) {
      reset();
      return failure(ErrorKind::malformed, "block out of turn");
    }
    if (body_.size() + payload.size() > limit_) {
      reset();
      return failure(ErrorKind::too_large, "body of blocks too long");
    }
    append(body_, payload);
    ++next_;
    if (block.more) return std::nullopt;
    auto whole = std::move(body_);
    reset();
    return whole;
  }

  void reset() {
    body_ = {};  // its memory too: a device may never send the rest
    next_ = 0;
  }

private:
  std::size_t limit_;
  Bytes body_;
  std::uint32_t next_ = 0;
};

}  // namespace drydock::coap
