// The device's side of DTLS, on wolfCrypt directly and separate from the server's: a mistake on one side must not be
// repeated on the other. Written from PROTOCOL §3 and the recorded handshake. Datagrams in, datagrams and messages out.
#pragma once

#include "base/bytes.hpp"

#include <array>
#include <memory>

namespace drydock::virtual_device {

/// A P-256 key pair as a device stores it.
class DeviceEcKey {
public:
  /// A new one.
  DeviceEcKey();
  /// From its 32-byte scalar, as recorded or made up; throws std::runtime_error when it is none.
  explicit DeviceEcKey(ByteView scalar);
  DeviceEcKey(DeviceEcKey&&) noexcept;
  DeviceEcKey& operator=(DeviceEcKey&&) noexcept;
  ~DeviceEcKey();

  Bytes point() const;
  Bytes spki() const;  ///< 91 bytes
  Bytes sign(ByteView digest) const;
  Bytes agree(ByteView peer_point) const;  ///< the x coordinate; throws for a point that is none

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How a device marks the records of a resumed session (PROTOCOL §3.5).
enum class MoveMark {
  none,       ///< 3.1 to 3.3: by nothing but the connection id
  type_253,   ///< from 4.0
  device_id,  ///< up to 3.0, which know no connection ids: type 254 and the device id behind the record
};

class DeviceDtls {
public:
  struct Identity {
    std::array<std::uint8_t, 12> id{};
    const DeviceEcKey* key = nullptr;
    Bytes server_spki;
    MoveMark mark = MoveMark::type_253;
    bool wrong_finished = false;  ///< for tests: its Finished does not fit what was said
  };
  explicit DeviceDtls(Identity identity);
  ~DeviceDtls();

  /// Forgets everything and begins a handshake: the first datagram.
  std::vector<Bytes> begin();
  /// The last flight once more.
  std::vector<Bytes> again();

  struct Progress {
    std::vector<Bytes> to_send;
    std::vector<Bytes> messages;  ///< CoAP, decrypted
    bool ended = false;           ///< the server sent an alert, or something that must not be
  };
  Progress on_datagram(ByteView datagram);

  bool connected() const;
  void forget();
  /// `type`: application data, as a rule; 21 for an alert.
  Bytes seal(ByteView message, std::uint8_t type = 23);

  /// The session goes on after a reset: until something is received, its records are marked.
  void resume();

  /// Records of the server's that were authentic and had the nonce of another one: never, whatever crashes.
  int nonces_used_twice() const { return nonces_used_twice_; }

private:
  struct State;
  Identity identity_;
  int nonces_used_twice_ = 0;
  std::unique_ptr<State> state_;
};

}  // namespace drydock::virtual_device
