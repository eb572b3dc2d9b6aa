#include "base/crc32.hpp"

#include <zlib.h>

namespace drydock {
std::uint32_t crc32(ByteView bytes) {
  return static_cast<std::uint32_t>(::crc32_z(0, bytes.data(), bytes.size()));
}
}  // namespace drydock
