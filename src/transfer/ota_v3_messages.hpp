// The messages of OTA protocol v3, resumable and with selective acknowledgements (PROTOCOL §5.5), as pure functions.
#pragma once

#include "coap/message.hpp"

#include <string>

namespace drydock::transfer {

struct UpdateStart {
  std::uint32_t file_size = 0;
  std::uint16_t chunk_size = 0;
  Bytes sha256;                                 ///< of the file; lets the device go on where it was interrupted
  std::optional<std::uint8_t> module_function;  ///< devices from 5.5 on
};
/// CON POST S.
coap::Message update_start(const UpdateStart& start);

/// The 2.01 to UpdateStart.
struct UpdateStartResponse {
  std::uint32_t window = 0;  ///< in chunks
  std::uint32_t offset = 0;  ///< in bytes: how much the device still has of an earlier try
};
/// Nothing when it is no 2.01, or its numbers cannot be read.
std::optional<UpdateStartResponse> parse_started(const coap::Message& response);

/// NON POST C, no token: devices cancel the update when there is one. `index` counts from 1 at the offset.
coap::Message update_chunk(std::uint32_t index, ByteView data);

struct ChunksReceived {
  std::uint32_t in_order = 0;               ///< chunks received without a gap
  std::vector<std::uint32_t> out_of_order;  ///< indices received behind a gap, ascending
};
/// NON POST A; nothing when the message is none. Of the bitmap at most 8 words are read.
std::optional<ChunksReceived> parse_chunks_received(const coap::Message& message);

/// CON POST F.
coap::Message update_finish();

/// "the image needs other modules that the device does not have (-1340): Dependency check failed": an error response of
/// Device OS, whose JSON may be cut.
std::string error_words(const coap::Message& response);

}  // namespace drydock::transfer
