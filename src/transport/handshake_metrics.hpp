// How long handshakes take, over both transports.
#pragma once

#include "base/clock.hpp"

namespace drydock::transport {

/// One is complete that began then.
void count_tcp_handshake(Clock::time_point began);
void count_udp_handshake(Clock::time_point began);

}  // namespace drydock::transport
