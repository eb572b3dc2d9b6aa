// lightssl frames: a 2-byte big-endian length, then one CoAP message under AES-128-CBC with PKCS#7 padding
// (PROTOCOL §2.3). Each direction has its own chain, and the next frame's initial vector is the *first* block of this
// frame's ciphertext. There is no authentication beyond what padding and CoAP reveal.
#pragma once

#include "base/result.hpp"
#include "crypto/aes.hpp"

namespace drydock::transport::lightssl {

/// Seals the messages of one direction.
class FrameWriter {
public:
  FrameWriter(const crypto::AesKey& key, const crypto::AesBlock& initial_vector) : cipher_(key), iv_(initial_vector) {}

  /// Appends the message's frame to `wire`.
  void seal(ByteView message, Bytes& wire);
  /// See Channel::rest().
  void rest() { cipher_.rest(); }

private:
  crypto::Aes128CbcEncryptor cipher_;
  crypto::AesBlock iv_;
};

/// Opens the messages of one direction, however the stream cuts them.
class FrameReader {
public:
  FrameReader(const crypto::AesKey& key, const crypto::AesBlock& initial_vector) : cipher_(key), iv_(initial_vector) {}

  /// What came from the network. At most one frame's worth is kept beyond what next() has returned.
  void feed(ByteView bytes) { append(buffer_, bytes); }

  /// The next whole message, nothing when more bytes are needed; ErrorKind::too_large for a length beyond
  /// limits::frame, ErrorKind::malformed for one that is not a multiple of 16, or for wrong padding. After an error the
  /// stream is lost.
  Result<std::optional<Bytes>> next();
  void rest();

private:
  crypto::Aes128CbcDecryptor cipher_;
  crypto::AesBlock iv_;
  Bytes buffer_;
  std::size_t consumed_ = 0;
};

}  // namespace drydock::transport::lightssl
