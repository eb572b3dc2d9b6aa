// Which sequence numbers of an epoch have been seen (RFC 6347 §4.1.2.6): everything from 64 below the highest on.
#pragma once

#include <cstdint>

namespace drydock::transport::dtls {

class ReplayWindow {
public:
  ReplayWindow() = default;
  /// As it was: `next` is one above the highest seen, bit k of `seen` says that next - 1 - k was.
  ReplayWindow(std::uint64_t next, std::uint64_t seen) : next_(next), seen_(seen) {}

  bool is_new(std::uint64_t sequence) const {
    if (sequence >= next_) return true;
    const auto behind = next_ - 1 - sequence;
    return behind < width && (seen_ >> behind & 1) == 0;
  }

  /// Only for what proved authentic. True when it is the newest of all: where it came from is where the peer is.
  bool note(std::uint64_t sequence) {
    if (sequence < next_) {
      seen_ |= std::uint64_t{1} << (next_ - 1 - sequence);
      return false;
    }
    const auto forward = sequence - next_ + 1;
    seen_ = forward < width ? seen_ << forward | 1 : 1;
    next_ = sequence + 1;
    return true;
  }

  std::uint64_t next() const { return next_; }
  std::uint64_t seen() const { return seen_; }

private:
  static constexpr std::uint64_t width = 64;
  std::uint64_t next_ = 0;
  std::uint64_t seen_ = 0;
};

}  // namespace drydock::transport::dtls
