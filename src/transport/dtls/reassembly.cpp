#include "transport/dtls/reassembly.hpp"

#include <algorithm>

namespace drydock::transport::dtls {

void Reassembly::add(const HandshakeFragment& fragment) {
  if (fragment.length > limits::handshake_message) return;
  if (fragment.sequence < next_ || fragment.sequence >= next_ + limits::handshake_messages_ahead) return;
  const auto [entry, is_first] = partial_.try_emplace(fragment.sequence);
  auto& partial = entry->second;
  if (is_first) {
    partial.type = fragment.type;
    partial.body.resize(fragment.length);
    partial.have.resize(fragment.length);
    partial.missing = fragment.length;
  }
  if (partial.type != fragment.type || partial.body.size() != fragment.length) return;
  for (std::size_t i = 0; i < fragment.bytes.size(); ++i) {
    const auto at = fragment.offset + i;
    if (partial.have[at]) continue;
    partial.have[at] = true;
    partial.body[at] = fragment.bytes[i];
    --partial.missing;
  }
}

std::optional<HandshakeMessage> Reassembly::take() {
  const auto found = partial_.find(next_);
  if (found == partial_.end() || found->second.missing != 0) return std::nullopt;
  HandshakeMessage message;
  message.type = found->second.type;
  message.sequence = next_++;
  message.body = std::move(found->second.body);
  partial_.erase(found);
  return message;
}

}  // namespace drydock::transport::dtls
