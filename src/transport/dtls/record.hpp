// DTLS 1.2 records as Particle's devices and their cloud exchange them (RFC 6347 §4.1, PROTOCOL §3.4, §3.5).
//
//   plain           type ‖ fe fd ‖ epoch 2 ‖ sequence 6 ‖ length 2 ‖ fragment
//   connection id   25   ‖ fe fd ‖ epoch 2 ‖ sequence 6 ‖ id 8 ‖ length 2 ‖ fragment     device to server, from 3.1
//
// A protected fragment is explicit nonce 8 ‖ ciphertext ‖ tag 8. The inner plaintext of a connection-id record is
// content ‖ real type ‖ zeros up to a multiple of 16, and its additional data has draft-05's order, not RFC 9146's.
#pragma once

#include "transport/dtls/key_schedule.hpp"

#include <optional>

namespace drydock::transport::dtls {

enum class ContentType : std::uint8_t {
  change_cipher_spec = 20,
  alert = 21,
  handshake = 22,
  application_data = 23,
  connection_id = 25,
  resumed = 253,  ///< connection_id with its first byte changed after encryption: a resumed session, from 4.0
};

/// First byte of a datagram of a resumed session up to 3.0: application_data with its first byte changed, and the
/// device id and 0x0c appended.
inline constexpr std::uint8_t resumed_with_device_id = 254;

inline constexpr std::size_t connection_id_size = 8;
using ConnectionId = std::array<std::uint8_t, connection_id_size>;

inline constexpr std::size_t record_header_size = 13;
inline constexpr std::uint64_t last_sequence = (std::uint64_t{1} << 48) - 1;

/// Epoch in the upper 16 bits, sequence number in the lower 48: what a nonce is made of.
using EpochAndSequence = std::uint64_t;
constexpr EpochAndSequence in_epoch(std::uint16_t epoch, std::uint64_t sequence) {
  return std::uint64_t{epoch} << 48 | sequence;
}

struct Record {
  ContentType type{};  ///< as it came; `resumed` is kept apart from `connection_id`
  EpochAndSequence number = 0;
  std::optional<ConnectionId> connection_id;
  ByteView fragment;  ///< into the datagram
  std::uint16_t epoch() const { return static_cast<std::uint16_t>(number >> 48); }
  std::uint64_t sequence() const { return number & last_sequence; }
};

/// Takes the next record off the front of a datagram; nothing when the rest is no whole record of DTLS 1.0 or 1.2 (a
/// first ClientHello may say 1.0).
std::optional<Record> take_record(ByteView& datagram);

/// An unprotected record.
Bytes plain_record(ContentType type, EpochAndSequence number, ByteView fragment);

/// One direction's protection.
struct Protection {
  const crypto::AesKey& key;
  const FixedIv& iv;
};

struct Opened {
  ContentType type{};  ///< the real one
  Bytes content;
};

/// Checks and decrypts a protected record of either form; nothing when it is not authentic.
std::optional<Opened> open(const Record& record, const Protection& with);

/// A protected record without a connection id: the only form a device understands.
Bytes sealed_record(ContentType type, EpochAndSequence number, ByteView content, const Protection& with);

}  // namespace drydock::transport::dtls
