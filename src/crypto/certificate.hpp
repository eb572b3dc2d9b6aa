// Certificates of a server's own (X.509, RFC 5280).
#pragma once

#include "crypto/ecc.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace drydock::crypto {

struct CertificateNames {
  std::string common_name;
  std::vector<std::string> hosts;      ///< DNS names
  std::vector<std::string> addresses;  ///< IPv4 or IPv6, as text; what is none is left out
};

/// PEM, signed by its own key, for a server. `from` and `until` are UTC milliseconds.
std::string self_signed_certificate(
    const EcPrivateKey& key, const CertificateNames& names, std::int64_t from, std::int64_t until);

/// SHA-256 over the first certificate in `pem`, as browsers show it: "AB:CD:…". ErrorKind::malformed.
Result<std::string> certificate_fingerprint(std::string_view pem);

}  // namespace drydock::crypto
