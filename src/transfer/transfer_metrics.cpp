#include "transfer/transfer_metrics.hpp"

#include "base/metrics.hpp"

namespace drydock::transfer {
namespace {

metrics::Counter chunks_sent("drydock_transfer_chunks_total", "Chunks of firmware sent, each time they were.");
metrics::Counter chunks_resent("drydock_transfer_chunks_resent_total", "Of these, those that had been sent before.");
metrics::Counter bytes_sent("drydock_transfer_bytes_total", "Bytes of firmware sent, each time they were.");

}  // namespace

void count_chunk(std::size_t bytes) {
  chunks_sent.add();
  bytes_sent.add(bytes);
}

void count_resent(std::size_t chunks) {
  chunks_resent.add(chunks);
}

}  // namespace drydock::transfer
