// Stateless cookies (RFC 6347 §4.2.1): nothing is kept and no key is used for an address that has not shown that it
// receives what is sent to it.
#pragma once

#include "crypto/hash.hpp"
#include "crypto/random.hpp"

namespace drydock::transport::dtls {

class CookieMaker {
public:
  explicit CookieMaker(crypto::Random& random) { random.fill(secret_); }

  /// 32 bytes; the answer that carries them is about as long as the shortest ClientHello.
  Bytes make(std::string_view address, ByteView client_random) const {
    Bytes said(client_random.begin(), client_random.end());
    append(said, view_of(address));
    const auto cookie = crypto::hmac_sha256(secret_, said);
    return Bytes(cookie.begin(), cookie.end());
  }
  bool check(ByteView cookie, std::string_view address, ByteView client_random) const {
    return equal_in_constant_time(cookie, make(address, client_random));
  }

private:
  std::array<std::uint8_t, 32> secret_{};
};

}  // namespace drydock::transport::dtls
