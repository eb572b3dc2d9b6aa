// One DTLS security context after its handshake: opens what comes, seals what goes, and can be written down and taken
// up again. Pure: bytes in, bytes out.
#pragma once

#include "transport/dtls/record.hpp"
#include "transport/dtls/replay_window.hpp"

namespace drydock::transport::dtls {

/// All there is to a session: 40 bytes of keys and some numbers.
struct SessionState {
  Keys keys;
  std::optional<ConnectionId> connection_id;  ///< of devices from 3.1 on
  Bytes client_key;                           ///< SubjectPublicKeyInfo, proved in the handshake
  std::uint64_t next_to_send = 0;             ///< sequence number in epoch 1
  ReplayWindow received;
};

class Session {
public:
  explicit Session(SessionState state) : state_(std::move(state)) {}

  struct Received {
    ContentType type{};
    Bytes content;
    bool newest = false;  ///< of all so far: where it came from is where the device is now
  };
  /// Nothing for a record that is not authentic, not of epoch 1, or came before.
  std::optional<Received> receive(const Record& record);

  /// Uses up one sequence number. The caller sees to it that none is ever used twice, whatever crashes:
  /// dtls/channel.hpp reserves them from the disk.
  Bytes seal(ContentType type, ByteView content);

  const SessionState& state() const { return state_; }

private:
  SessionState state_;
};

}  // namespace drydock::transport::dtls
