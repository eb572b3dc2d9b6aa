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
    changed_key,  ///< known by another key: turned away and shown
    turned_away,
  };
  Answer answer = Answer::turned_away;
  Bytes key;                  ///< to trust, for known and stranger: SubjectPublicKeyInfo
  std::string words;          ///< for the others
};

Admission consider(const transport::Claim& claim, const Fleet& fleet, Policy policy);

}  // namespace drydock::appliance
