#include "transport/dtls/session.hpp"

#include <stdexcept>

namespace drydock::transport::dtls {
namespace {
constexpr std::uint16_t protected_epoch = 1;
}

std::optional<Session::Received> Session::receive(const Record& record) {
  if (record.epoch() != protected_epoch || !state_.received.is_new(record.sequence())) return std::nullopt;
  // A device that was given a connection id must use it, or records could be moved between sessions.
  if (record.connection_id != state_.connection_id) return std::nullopt;
  auto opened = open(record, Protection{state_.keys.client, state_.keys.client_iv});
  if (!opened) return std::nullopt;
  Received received{opened->type, std::move(opened->content), false};
  received.newest = state_.received.note(record.sequence());
  return received;
}

Bytes Session::seal(ContentType type, ByteView content) {
  if (state_.next_to_send > last_sequence) throw std::logic_error("a DTLS session has no sequence numbers left");
  const auto number = in_epoch(protected_epoch, state_.next_to_send++);
  return sealed_record(type, number, content, Protection{state_.keys.server, state_.keys.server_iv});
}

}  // namespace drydock::transport::dtls
