// The server's key pair for TCP devices. Devices know the server by it: it is made once and never replaced, for losing
// it would orphan every device (PROTOCOL §8.3).
#pragma once

#include "appliance/state_folder.hpp"
#include "crypto/rsa.hpp"

#include <optional>

namespace drydock::appliance {

/// Loads the key; Kind::not_found when there is none, Kind::malformed when the file is no RSA-2048 key.
Result<crypto::RsaPrivateKey> load_server_key(const StateFolder& folder);

/// Makes and stores one; Kind::conflict when there is one already.
Result<crypto::RsaPrivateKey> create_server_key(const StateFolder& folder);

Result<crypto::RsaPrivateKey> load_or_create_server_key(const StateFolder& folder);

/// SHA-256 of the public key, in groups for people to compare.
std::string fingerprint(ByteView spki);

/// What `particle keys server` writes to a TCP device: 512 bytes (1024-byte aligned layouts do not apply), key at 0,
/// address at 384, port at 450, the rest 0xff (PROTOCOL §8.2). Kind::malformed for a host name longer than 63 bytes.
Result<Bytes> server_key_file(ByteView spki, const std::string& host, std::optional<std::uint16_t> port);

}  // namespace drydock::appliance
