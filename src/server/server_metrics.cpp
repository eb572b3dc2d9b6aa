#include "server/server_metrics.hpp"

#include <array>

namespace drydock::server {
namespace {

constexpr auto failed = "drydock_update_steps_failed_total";
constexpr auto of_failed = "Modules that were begun and that the device does not run now.";
constexpr auto rejected = "drydock_connections_rejected_total";
constexpr auto of_rejected = "Connections that came to nothing, of devices and of others.";
constexpr std::array transfer_bounds{1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0};

metrics::Counter steps_refused(failed, of_failed, "reason=\"refused\"");
metrics::Counter steps_timed_out(failed, of_failed, "reason=\"timed_out\"");
metrics::Counter steps_otherwise(failed, of_failed, "reason=\"other\"");

}  // namespace

metrics::Counter steps_begun("drydock_update_steps_begun_total", "Modules that began to be sent.");
metrics::Counter steps_verified("drydock_update_steps_verified_total", "Modules that a device reported to run then.");
metrics::Counter steps_not_installed(failed, of_failed, "reason=\"not_installed\"");
metrics::Counter transfers_interrupted(
    "drydock_update_transfers_interrupted_total", "Transfers whose connection broke: they begin again.");
metrics::Counter updates_finished(
    "drydock_updates_finished_total", "Devices that were sent all they needed and report to have it.");
metrics::Counter updates_given_up(
    "drydock_updates_given_up_total", "Devices that failed too often and wait for a person.");
metrics::Histogram transfer_time(
    "drydock_update_transfer_duration_seconds", "From the beginning of a module to its last chunk.", transfer_bounds);
metrics::Counter rejected_over_tcp(rejected, of_rejected, "transport=\"tcp\"");
metrics::Counter rejected_over_udp(rejected, of_rejected, "transport=\"udp\"");
metrics::Counter events_published("drydock_events_total", "Events of devices, of programs and of this server.");

void count_failed_step(ErrorKind why) {
  auto& counter = why == ErrorKind::refused ? steps_refused
      : why == ErrorKind::timed_out         ? steps_timed_out
                                            : steps_otherwise;
  counter.add();
}

}  // namespace drydock::server
