// Who may connect: pure decisions about a claimed identity (PROTOCOL §8.5).
#pragma once

#include "state/configuration.hpp"
#include "store/devices.hpp"
#include "transport/device_identity.hpp"

namespace drydock::server {

struct Admission {
  enum class Answer {
    known,        ///< with the key on file
    unknown,      ///< never seen, may come in
    changed_key,  ///< known by another key: it has to prove this one, and is rejected then
    rejected,
  };
  Answer answer = Answer::rejected;
  Bytes key;          ///< to hold the handshake with, unless rejected: SubjectPublicKeyInfo
  std::string words;  ///< why not, when rejected
};

/// Of a kind and a size that devices have.
bool is_device_key(ByteView spki);
/// However they are written down. False for what is no key of a device's size.
bool same_key(ByteView a, ByteView b);

Admission evaluate(const transport::DeviceIdentity& identity, const store::DeviceRow* known, state::Policy policy);

}  // namespace drydock::server
