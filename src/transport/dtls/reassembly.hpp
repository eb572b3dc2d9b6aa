// Puts handshake messages together from their fragments and hands them out in order, within limits.
#pragma once

#include "base/limits.hpp"
#include "transport/dtls/messages.hpp"

#include <map>

namespace drydock::transport::dtls {

class Reassembly {
public:
  /// `next`: the sequence number of the first message to hand out.
  explicit Reassembly(std::uint16_t next) : next_(next) {}

  /// What is too long, too far ahead, old, or contradicts an earlier fragment is ignored: nobody has vouched for it.
  void add(const HandshakeFragment& fragment);

  /// The next message in order, once it is whole.
  std::optional<HandshakeMessage> take();

  std::uint16_t next() const { return next_; }

private:
  struct Partial {
    HandshakeType type{};
    Bytes body;
    std::vector<bool> have;
    std::size_t missing = 0;
  };
  std::uint16_t next_;
  std::map<std::uint16_t, Partial> partial_;
};

}  // namespace drydock::transport::dtls
