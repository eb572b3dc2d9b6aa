// The messages of the chunked transfer, "legacy OTA" (PROTOCOL §5.2), as pure functions.
#pragma once

#include "coap/message.hpp"

namespace drydock::transfer {

/// CON POST u: flags, chunk size, file size, store (0), address (0, relative to the device's OTA region).
coap::Message update_begin(bool offer_fast, std::uint16_t chunk_size, std::uint32_t file_size);

/// UpdateReady's payload byte, bit 0: the device will take chunks without answering each.
bool is_fast(const coap::Message& update_ready);

/// A chunk for normal OTA: CON POST c, its CRC as first query. Which one it is the device counts by itself.
coap::Message chunk(ByteView data);
/// A chunk for fast OTA: NON POST c, CRC, then its index as second query.
coap::Message chunk(ByteView data, std::uint16_t index);

/// PUT u: confirmable, or for who asks again by itself (2.3.1 and 1.5.2 answer either).
coap::Message update_done(coap::Type type = coap::Type::confirmable);

/// GET c from the device: indices below `chunk_count`, ascending, each once; an odd byte at the end is ignored.
std::vector<std::uint16_t> missed_chunks(const coap::Message& chunk_missed, std::size_t chunk_count);

bool is_chunk_missed(const coap::Message& message);
/// PUT u or POST u from a device of 0.4 to 0.8 that completed a file by re-sent chunks.
bool is_update_done(const coap::Message& message);

}  // namespace drydock::transfer
