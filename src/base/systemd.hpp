// The two things said to systemd, each one datagram to a socket: how the service is (sd_notify(3)), and lines for the
// journal with fields to search by (systemd's "Native Journal Protocol"). Written out here because libsystemd would
// bring a megabyte of compressors along. Without systemd nothing happens.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace drydock::systemd {

/// "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=…".
void notify(std::string_view state);

/// How often "WATCHDOG=1" must be said at least; nothing when nobody watches this process.
std::optional<std::chrono::microseconds> watchdog_time();

/// Upper-case name and value, without control characters.
using Field = std::pair<std::string_view, std::string_view>;

/// Whether standard error goes to the journal.
bool under_journal();

/// False when the journal did not take it.
bool send_to_journal(const std::vector<Field>& fields);

}  // namespace drydock::systemd
