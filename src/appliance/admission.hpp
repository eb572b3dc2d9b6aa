// Who may connect: pure decisions about a claim (PROTOCOL §8.5).
#pragma once

#include "appliance/configuration.hpp"
#include "appliance/fleet.hpp"
#include "crypto/rsa.hpp"
#include "transport/lightssl_handshake.hpp"

namespace drydock::appliance {

struct Admission {
  enum class Answer {
    known,        ///< with the key on file
    stranger,     ///< never seen, may come in
    changed_key,  ///< known by another key: turned away and shown
    turned_away,
  };
  Answer answer = Answer::turned_away;
  std::optional<crypto::RsaPublicKey> key;  ///< to answer with, for known and stranger
  std::string words;                        ///< for the others
};

Admission consider(const transport::lightssl::Claim& claim, const Fleet& fleet, Policy policy);

}  // namespace drydock::appliance
