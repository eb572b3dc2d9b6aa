// The certificate by which browsers know the page, where it is served over TLS.
#pragma once

#include "state/configuration.hpp"
#include "state/state_folder.hpp"

namespace drydock::state {

struct PageCertificate {
  Bytes pem;                ///< with its private key
  std::string fingerprint;  ///< SHA-256, as browsers show it
  std::filesystem::path file;
};

/// The one that is configured; else the folder's own, signed by itself. ErrorKind::not_found: there is none yet.
/// ErrorKind::storage, ErrorKind::malformed: it cannot be read.
Result<PageCertificate> load_page_certificate(const StateFolder& folder, const Configuration& configuration);

/// Likewise; makes the folder's own where there is none: for this machine's names and addresses, for ten years.
/// `utc_now` in milliseconds.
Result<PageCertificate> load_or_create_page_certificate(
    const StateFolder& folder, const Configuration& configuration, std::int64_t utc_now);

}  // namespace drydock::state
