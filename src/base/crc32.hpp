// CRC-32/ISO-HDLC: what a module file ends with and what every chunk of a transfer carries (PROTOCOL §6.7).
#pragma once

#include "base/bytes.hpp"

namespace drydock {
std::uint32_t crc32(ByteView bytes);
}
