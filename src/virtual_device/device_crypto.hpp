// The device's side of the cryptography, on wolfCrypt directly and separate from the server's: a mistake on one
// side must not be repeated on the other. Written from PROTOCOL §2.1 and §2.3.
#pragma once

#include "base/bytes.hpp"

#include <memory>

namespace drydock::virtual_device {

Bytes sha256(ByteView bytes);

class DeviceKey {
public:
  /// A new RSA-1024 key.
  DeviceKey();
  /// A PKCS#1 key as recorded; throws std::runtime_error when it is none.
  explicit DeviceKey(ByteView pkcs1_der);
  static DeviceKey from_pem(ByteView pem);
  DeviceKey(DeviceKey&&) noexcept;
  DeviceKey& operator=(DeviceKey&&) noexcept;
  ~DeviceKey();

  Bytes public_key_spki() const;  ///< 162 bytes
  std::optional<Bytes> decrypt(ByteView ciphertext) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// RSAES-PKCS1-v1_5 under the server's public key, as stored in the device.
Bytes encrypt_for_server(ByteView server_spki, ByteView plaintext);

/// Whether `signature` is the server's, bare PKCS#1 v1.5 without a DigestInfo, over HMAC-SHA1(credentials, ciphertext).
bool server_signed(ByteView server_spki, ByteView signature, ByteView credentials, ByteView ciphertext);

/// One direction of the framing, both ways: the next frame's vector is the first block of this frame's ciphertext.
class DeviceCipher {
public:
  DeviceCipher(ByteView key, ByteView iv);
  ~DeviceCipher();
  Bytes seal(ByteView message);  ///< length ‖ ciphertext
  std::optional<Bytes> open(ByteView ciphertext);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drydock::virtual_device
