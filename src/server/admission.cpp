#include "server/admission.hpp"

#include "crypto/ecc.hpp"
#include "crypto/rsa.hpp"

#include <fmt/core.h>

namespace drydock::server {
namespace {

Admission away(Admission::Answer answer, std::string words) {
  Admission admission;
  admission.answer = answer;
  admission.words = std::move(words);
  return admission;
}

// What makes two keys the same however they are written down: an RSA key's modulus, an EC key's point. Empty for what
// is neither in the size that devices have.
Bytes essence(ByteView spki) {
  constexpr std::size_t rsa_size = 128;
  const auto rsa = crypto::RsaPublicKey::from_spki(spki);
  if (rsa && rsa->size() == rsa_size) return rsa->modulus();
  const auto ec = crypto::ec_point_in(spki);
  return ec ? Bytes(ec->begin(), ec->end()) : Bytes();
}

}  // namespace

bool is_device_key(ByteView spki) {
  return !essence(spki).empty();
}

bool same_key(ByteView a, ByteView b) {
  const auto first = essence(a);
  return !first.empty() && first == essence(b);
}

Admission evaluate(const transport::DeviceIdentity& identity, const store::DeviceRow* known, state::Policy policy) {
  using Answer = Admission::Answer;
  const auto id = identity.id.text();
  const auto& key_bytes = identity.public_key.empty() && known != nullptr ? known->public_key : identity.public_key;
  if (key_bytes.empty())
    return away(Answer::rejected, fmt::format("device {} sends no public key and none is on file", id));
  const auto key = essence(key_bytes);
  if (key.empty()) return away(Answer::rejected, fmt::format("device {} sends a public key that cannot be read", id));

  Admission admission;
  admission.answer = Answer::unknown;
  if (known != nullptr) {
    if (known->approval == "refused")
      return away(Answer::rejected, fmt::format("device {} was refused by a person", id));
    admission.answer = essence(known->public_key) == key ? Answer::known : Answer::changed_key;
  } else if (policy == state::Policy::closed) {
    return away(Answer::rejected,
        fmt::format("device {} is unknown, and unknown devices are rejected (devices.policy = \"closed\")", id));
  }
  admission.key = key_bytes;
  return admission;
}

}  // namespace drydock::server
