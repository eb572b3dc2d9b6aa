// Sends one module by the chunked transfer, normal or fast as the device says (PROTOCOL §5.3).
#pragma once

#include "transfer/delivery.hpp"
#include "transfer/update_channel.hpp"

namespace drydock::transfer {

struct ChunkedOptions {
  ChunkedOptions() = default;
  std::uint16_t chunk_size = 512;
  bool offer_fast = true;
  /// Over UDP: a device before 2.0 throws away what comes between its ChunkMissed and our acknowledgement of it
  /// (PROTOCOL §5.3; seen on 1.5.2), so nothing is sent on until UpdateDone is answered.
  bool waits_for_answers = false;
};

/// ErrorKind::refused: the device does not want it, with its reason in words. ErrorKind::timed_out: it stalled.
/// ErrorKind::closed: the connection ended in the middle. `image` must have at most 65,534 chunks.
asio::awaitable<Result<Delivery>> send_chunked(
    UpdateChannel& device, ByteView image, ChunkedOptions options, const Progress& progress);

/// How long to wait for UpdateReady (the device erases its flash first) and for the answer to UpdateDone (it checks the
/// image). Both grow with the image, for a device on a slow link must not be given up while it works.
Clock::duration ready_timeout(std::size_t image_size);
Clock::duration done_timeout(std::size_t image_size);

/// The end of all patience: 18 minutes for a quarter of a megabyte.
Clock::duration transfer_timeout(std::size_t image_size);

}  // namespace drydock::transfer
