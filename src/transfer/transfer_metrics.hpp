// What transfers of every kind count.
#pragma once

#include <cstddef>

namespace drydock::transfer {

/// A chunk was handed to the network.
void count_chunk(std::size_t bytes);
/// So many of those counted had been sent before.
void count_resent(std::size_t chunks);

}  // namespace drydock::transfer
