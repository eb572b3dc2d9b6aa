// The server's key pairs, RSA for TCP devices and EC for UDP devices. Devices know the server by them: they are made
// once and never replaced, for losing one would orphan every device (PROTOCOL §8.3).
#pragma once

#include "state/state_folder.hpp"
#include "crypto/ecc.hpp"
#include "crypto/rsa.hpp"

#include <optional>

namespace drydock::state {

/// Loads the key; ErrorKind::not_found when there is none, ErrorKind::malformed when the file is no RSA-2048 key.
Result<crypto::RsaPrivateKey> load_server_key(const StateFolder& folder);

/// Makes and stores one; ErrorKind::conflict when there is one already.
Result<crypto::RsaPrivateKey> create_server_key(const StateFolder& folder);

/// The same for the P-256 key of UDP devices.
Result<crypto::EcPrivateKey> load_udp_server_key(const StateFolder& folder);
Result<crypto::EcPrivateKey> create_udp_server_key(const StateFolder& folder);

struct ServerKeys {
  crypto::RsaPrivateKey tcp;
  crypto::EcPrivateKey udp;
};
/// Makes nothing. ErrorKind::not_found when one is missing.
Result<ServerKeys> load_server_keys(const StateFolder& folder);
/// Makes both in a folder that was never used. ErrorKind::conflict when one is missing where a database, firmware or
/// the other key shows that there was one: a new one in its place would leave every device outside.
Result<ServerKeys> load_or_create_server_keys(const StateFolder& folder);

/// Whether a database that is not in the folder (PostgreSQL) belongs to other keys than these. ErrorKind::conflict.
Result<void> refuse_other_keys(store::Database& db, const ServerKeys& keys);
/// Likewise; one that belongs to none belongs to them from now on.
Result<void> require_same_keys(store::Database& db, const ServerKeys& keys);
bool database_belongs_to_keys(store::Database& db);
/// It belongs to these from now on.
void adopt_keys(store::Database& db, const ServerKeys& keys);

/// What shows that devices may know this server by a key; empty: nothing does. Throws store::Unavailable.
std::string trace_of_use(const StateFolder& folder);

/// SHA-256 of the public key, in groups for people to compare.
std::string fingerprint(ByteView spki);
/// Its first 16 digits, to type.
std::string short_fingerprint(ByteView spki);

/// What `particle keys server` writes to a device: key at 0, address and port behind it, the rest 0xff (PROTOCOL §8.2).
struct KeyFileLayout {
  std::size_t size;
  std::size_t address_at;
  std::size_t port_at;
};
inline constexpr KeyFileLayout tcp_key_file{512, 384, 450};
inline constexpr KeyFileLayout udp_key_file{320, 192, 258};

/// ErrorKind::malformed for a host name longer than 63 bytes.
Result<Bytes> server_key_file(
    const KeyFileLayout& layout, ByteView spki, const std::string& host, std::optional<std::uint16_t> port);

}  // namespace drydock::state
