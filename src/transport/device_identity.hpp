// What a device says of itself when it connects.
#pragma once

#include "transport/device_id.hpp"

namespace drydock::transport {

struct DeviceIdentity {
  DeviceId id;
  /// SubjectPublicKeyInfo. Over TCP 162 bytes of RSA, proved only by the first valid frame, and empty from very old
  /// Cores, which expect the key to be on file; over UDP 91 bytes of P-256, proved in the handshake.
  Bytes public_key;
};

}  // namespace drydock::transport
