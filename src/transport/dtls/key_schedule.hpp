// TLS 1.2's key derivation (RFC 5246 §5, §6.3, §7.4.9) for the one suite there is: ECDHE-ECDSA-AES128-CCM-8, SHA-256.
#pragma once

#include "crypto/aes.hpp"
#include "crypto/wipe.hpp"

namespace drydock::transport::dtls {

inline constexpr std::size_t random_size = 32;
inline constexpr std::size_t master_secret_size = 48;
inline constexpr std::size_t verify_data_size = 12;
inline constexpr std::size_t key_block_size = 40;

using FixedIv = std::array<std::uint8_t, 4>;

/// What protects the records of one session, both ways. Wiped when it goes.
struct Keys {
  crypto::AesKey client{};
  crypto::AesKey server{};
  FixedIv client_iv{};
  FixedIv server_iv{};

  Keys() = default;
  /// Client key, server key, client IV, server IV: 40 bytes.
  explicit Keys(ByteView key_block);
  Keys(const Keys&) = default;
  Keys& operator=(const Keys&) = default;
  ~Keys();
  Bytes key_block() const;
};

/// P_SHA256(secret, label ‖ seed), cut to `size` bytes.
Bytes pseudo_random(ByteView secret, std::string_view label, ByteView seed, std::size_t size);

/// The classic form: no device offers the extended one.
Bytes master_secret(ByteView premaster, ByteView client_random, ByteView server_random);
Keys expand_keys(ByteView master, ByteView client_random, ByteView server_random);

enum class Side { client, server };
/// The 12 bytes of a Finished message over the handshake so far.
Bytes verify_data(Side side, ByteView master, ByteView transcript);

}  // namespace drydock::transport::dtls
