// How much came over a TCP connection, as the kernel counts: for a library that says nothing of what it keeps.
#pragma once

#include <cstdint>

namespace drydock::integrations {

/// Since the connection began; 0 when the kernel does not say.
std::uint64_t received_bytes(int socket);
/// What the kernel keeps for it at most, so that who reads it can look up in between.
void limit_receive_buffer(int socket, int bytes);

}  // namespace drydock::integrations
