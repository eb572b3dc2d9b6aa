// AES-128: CBC over whole blocks for lightssl (padding and the chaining of messages belong to whoever frames them), CCM
// with a short tag for DTLS.
#pragma once

#include "base/bytes.hpp"
#include "crypto/wipe.hpp"

#include <array>
#include <memory>
#include <optional>

namespace drydock::crypto {

inline constexpr std::size_t aes_block = 16;
using AesKey = std::array<std::uint8_t, 16>;
using AesBlock = std::array<std::uint8_t, aes_block>;

/// A key that does not stay in memory behind its owner.
struct WipedKey {
  explicit WipedKey(const AesKey& k) : key(k) {}
  ~WipedKey() { wipe(key); }
  WipedKey(const WipedKey&) = default;
  WipedKey& operator=(const WipedKey&) = default;
  AesKey key;
};

/// One key for one direction. `data` is replaced in place; its size must be a multiple of 16.
class Aes128CbcEncryptor {
public:
  explicit Aes128CbcEncryptor(const AesKey& key);
  ~Aes128CbcEncryptor();
  Aes128CbcEncryptor(Aes128CbcEncryptor&&) noexcept;
  void encrypt(const AesBlock& iv, std::span<std::uint8_t> data);
  /// Gives back the key schedule, some 1.1 kB, until the next use.
  void rest();

private:
  struct Impl;
  WipedKey key_;
  std::unique_ptr<Impl> impl_;
};

class Aes128CbcDecryptor {
public:
  explicit Aes128CbcDecryptor(const AesKey& key);
  ~Aes128CbcDecryptor();
  Aes128CbcDecryptor(Aes128CbcDecryptor&&) noexcept;
  void decrypt(const AesBlock& iv, std::span<std::uint8_t> data);
  /// Gives back the key schedule, some 1.1 kB, until the next use.
  void rest();

private:
  struct Impl;
  WipedKey key_;
  std::unique_ptr<Impl> impl_;
};

inline constexpr std::size_t ccm_nonce_size = 12;
inline constexpr std::size_t ccm_tag_size = 8;

/// AES-128-CCM with a tag of 8 bytes (RFC 6655): ciphertext ‖ tag. A nonce must never come twice under one key.
Bytes aes_ccm_8_seal(const AesKey& key, ByteView nonce, ByteView additional, ByteView plaintext);
/// Nothing when it is not authentic.
std::optional<Bytes> aes_ccm_8_open(
    const AesKey& key, ByteView nonce, ByteView additional, ByteView ciphertext_and_tag);

}  // namespace drydock::crypto
