#include "transport/handshake_metrics.hpp"

#include "base/metrics.hpp"

#include <array>

namespace drydock::transport {
namespace {

constexpr std::array bounds{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0};
constexpr auto name = "drydock_handshake_duration_seconds";
constexpr auto help = "From a device's first bytes to the end of its handshake.";
metrics::Histogram tcp_time(name, help, bounds, "transport=\"tcp\"");
metrics::Histogram udp_time(name, help, bounds, "transport=\"udp\"");

}  // namespace

void count_tcp_handshake(Clock::time_point began) {
  tcp_time.observe(seconds_since(began));
}

void count_udp_handshake(Clock::time_point began) {
  udp_time.observe(seconds_since(began));
}

}  // namespace drydock::transport
