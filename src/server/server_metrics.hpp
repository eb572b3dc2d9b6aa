// What the server counts of updates and of who was turned away.
#pragma once

#include "base/metrics.hpp"
#include "base/result.hpp"

namespace drydock::server {

extern metrics::Counter steps_begun;
extern metrics::Counter steps_verified;
extern metrics::Counter transfers_interrupted;
extern metrics::Counter updates_finished;
extern metrics::Counter updates_given_up;
extern metrics::Histogram transfer_time;
extern metrics::Counter rejected_over_tcp;
extern metrics::Counter rejected_over_udp;
extern metrics::Counter events_published;

/// A module that did not get to the device, or that it does not report to have (`not_installed`).
void count_failed_step(ErrorKind why);
extern metrics::Counter steps_not_installed;

}  // namespace drydock::server
