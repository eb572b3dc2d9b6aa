// Who may connect: pure decisions about a claim (PROTOCOL §8.5).
#pragma once

#include "appliance/configuration.hpp"
#include "appliance/fleet.hpp"
#include "transport/claim.hpp"

namespace drydock::appliance {

struct Admission {
  enum class Answer {
    known,        ///< with the key on file
    stranger,     ///< never seen, may come in
    changed_key,  ///< known by another key: it has to prove this one, and is turned away then
    turned_away,
  };
  Answer answer = Answer::turned_away;
  Bytes key;                  ///< to hold the handshake with, but for turned_away: SubjectPublicKeyInfo
  std::string words;          ///< why not, for turned_away
};

/// However they are written down. False for what is no key of a device's size.
bool same_key(ByteView a, ByteView b);

Admission consider(const transport::Claim& claim, const Fleet& fleet, Policy policy);

}  // namespace drydock::appliance
