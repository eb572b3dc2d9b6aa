// Every bound on what a device or a file may make Drydock hold or do, in one place.
//
// Who is charged: an address for connections, handshakes and new devices; a device (by its id, however often it
// connects) for what it makes us plan, write and log; a login for the page's threads. What is shared by all
// (connections, handshakes, page threads) keeps a part for those that were here before, so that unknown ones cannot
// take everything. At a bound the newest of the unknown is rejected, the oldest unconnected pending device is evicted,
// and what a device says too often is merged into the next write, never queued. Nothing here blocks the event loop, and
// what was rejected is logged once in ten minutes for each address and reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace drydock::limits {

using namespace std::chrono_literals;

/// So many at once, and then so many a minute (base/token_bucket.hpp).
struct Rate {
  double burst;
  double per_minute;
};

// Connections.
inline constexpr std::size_t most_connections = 100'000;  ///< that the configuration may ask for
/// Of all connections: the others are for addresses where a device was before.
inline constexpr double connections_of_unknown = 0.75;
inline constexpr std::size_t handshakes_at_once = 16;  ///< whose private-key operations may be queued
inline constexpr std::size_t pending_devices = 1'000;  ///< waiting for approval; beyond, the oldest is evicted
inline constexpr std::size_t pending_devices_per_address = 256;  ///< a site behind one address may be that large
inline constexpr std::size_t pending_devices_per_key = 4;        ///< a device has one key of its own
/// Never seen before, from one address, before the configuration says how many a minute.
inline constexpr int new_devices_at_once = 256;
inline constexpr auto pending_device_expiry = std::chrono::hours(7 * 24);  ///< of running time without being seen
inline constexpr std::size_t addresses_remembered = 1'000;                 ///< that are counted one by one
inline constexpr auto handshake_timeout = 10s;     ///< for a device's part: its first message, and later its Hello
inline constexpr auto proxy_header_timeout = 5s;   ///< for what a load balancer says in front of a connection
inline constexpr auto accept_pause = 100ms;        ///< after a failed accept (descriptors used up, say)
inline constexpr auto write_timeout = 30s;         ///< and as long as min_link_rate allows: then the peer is gone
inline constexpr std::size_t min_link_rate = 512;  ///< bytes a second below which nobody waits

// DTLS. Nothing is kept for an address before it has shown that it receives what is sent to it.
inline constexpr std::size_t dtls_handshakes = 256;  ///< under way
inline constexpr std::size_t dtls_handshakes_per_address = 128;
inline constexpr std::size_t dtls_handshakes_of_unknown =
    192;  ///< the others are for addresses where a device was before
inline constexpr Rate dtls_handshake_rate_unknown_address{64, 120};  ///< handshakes that one unknown address may begin
inline constexpr Rate dtls_handshake_rate_known_address{
    512, 1200};                                         ///< and one where a device was before: a fleet may be behind it
inline constexpr std::size_t handshake_message = 2048;  ///< of a device; real ones have at most 94 bytes
inline constexpr std::uint16_t handshake_messages_ahead = 8;  ///< kept when they come out of order
inline constexpr std::size_t dtls_sessions =
    10'000;                                    ///< known, with or without a device behind them; unless configured
inline constexpr std::size_t datagram = 2048;  ///< a device's record has at most 1152 bytes and its headers
inline constexpr std::size_t datagrams_waiting = 256;  ///< messages of one device that nobody has read yet

// Machines that share a database. Each beats; who could not for `node_may_send` sends nothing of its own accord, and
// only later than that do the others take its devices.
inline constexpr auto node_beat = 250ms;
inline constexpr auto node_may_send = 1000ms;
inline constexpr auto node_gone_at_once = 1500ms;          ///< when its connection to the database has ended
inline constexpr auto node_gone = 10s;                     ///< when it may only be slow
inline constexpr auto handover_timeout = 15s;              ///< for another machine to let go of a device that came here
inline constexpr auto handover_longest_pause = 800ms;      ///< doubled up to that
inline constexpr auto handover_pause = 50ms;               ///< between two looks whether it has
inline constexpr std::size_t session_lookups = 1'000;      ///< of unknown DTLS sessions, at a time
inline constexpr Rate session_lookup_rate{1'000, 30'000};  ///< for known addresses, and for all others
inline constexpr std::size_t datagrams_of_session_lookup = 8;  ///< kept meanwhile, of each
inline constexpr auto turn_pause = 500ms;                      ///< while other machines have all the turns

// Messages. A device's buffer is at most 1152 bytes; block-wise transfer carries what is longer.
inline constexpr std::size_t frame = 2048;  ///< ciphertext of one lightssl frame
inline constexpr std::size_t options_per_message = 32;
inline constexpr std::chrono::seconds call_timeout{20};  ///< for a function or variable; its application may be slow
inline constexpr std::size_t calls_per_device = 16;      ///< functions and variables asked for and not answered yet
inline constexpr std::size_t events_per_device = 32;     ///< for a device, that it could not be sent yet
inline constexpr std::size_t messages_per_second = 500;  ///< sustained, for one device
inline constexpr std::size_t describe = 64 * 1024;       ///< one Describe part, assembled from its blocks
inline constexpr std::size_t modules_per_describe = 32;
/// Assets that an application says to need, or a device to have; the rest is not looked at.
inline constexpr std::size_t assets_per_application = 128;
inline constexpr std::size_t dependencies_per_module = 8;    ///< a module file has two
inline constexpr std::size_t names_per_describe = 128;       ///< cloud functions, and variables
inline constexpr std::size_t name = 64;                      ///< of a function or variable: what Device OS takes
inline constexpr std::size_t text = 256;                     ///< one text a device says about itself
inline constexpr std::size_t missing_modules_per_plan = 16;  ///< files, and notes

// Waiting for a device.
inline constexpr auto describe_timeout = 30s;
inline constexpr auto idle_timeout_tcp = 60s;         ///< TCP devices ping after 15 s of silence and give up 10 s later
inline constexpr auto idle_timeout_wifi = 2min;       ///< UDP: a ping every 25 or 30 s, said up to four times
inline constexpr auto idle_timeout_cellular = 26min;  ///< UDP: a ping every 23 minutes

// The page. Each open page holds a thread of the web server.
inline constexpr int devices_in_a_list = 1000;        ///< of one answer of the API
inline constexpr std::size_t devices_followed = 500;  ///< by one event stream
inline constexpr int page_streams = 16;
inline constexpr int page_streams_of_guests = 8;
inline constexpr int cloud_streams = 2'000;  ///< of events, for tools and programs; they hold no thread
inline constexpr int cloud_calls_per_device = 4;
inline constexpr int cloud_calls = 12;                       ///< of devices, that wait for an answer at the same time
inline constexpr std::size_t events_to_others = 256 * 1024;  ///< bytes that wait for other machines
inline constexpr std::size_t event_log = 2 * 1024 * 1024;    ///< bytes of events kept for streams that are behind
inline constexpr int page_threads = 36;
inline constexpr int page_connections_per_address =
    20;  ///< where somebody has logged in; trusted proxies have any number
inline constexpr int page_connections_per_unknown_address = 8;  ///< a browser makes six
inline constexpr int page_connections_of_unknown =
    16;                                 ///< all together: the other threads are for those who have logged in
inline constexpr int visitors = 2'400;  ///< connections to the page, and event streams
inline constexpr int visitors_per_address = 2'200;  ///< cloud_streams, and some
inline constexpr int visitors_of_strangers = 64;    ///< of addresses from which nobody has logged in, together
inline constexpr int visitors_per_stranger = 16;
inline constexpr auto visitor_write_time = 10s;      ///< for 8 KiB
inline constexpr auto page_threads_rest = 5min;      ///< without a visitor, after which CivetWeb's threads end
inline constexpr std::size_t page_body = 64 * 1024;  ///< but for uploads
inline constexpr auto unwanted_body_time = 2s;
inline constexpr int files_for_strangers = 6;              ///< of Device OS, fetched at the same time
inline constexpr auto page_body_time = 10s;                ///< for all of a body, and as long as min_upload_rate allows
inline constexpr std::size_t min_upload_rate = 32 * 1024;  ///< bytes a second
inline constexpr std::size_t known_browsers = 100;         ///< of a user, and are not locked out by others
inline constexpr std::size_t users = 100;                  ///< besides the owner
inline constexpr std::size_t tokens_for_a_password = 100;  ///< of a user's tools

// Files.
inline constexpr std::size_t module_file = 4 * 1024 * 1024;
inline constexpr std::size_t describe_file = 1024 * 1024;  ///< for `plan --describe`

// Rows kept for each device, and of the history in total for unknown devices.
inline constexpr int history_per_device = 500;
inline constexpr int steps_per_device = 200;
// CI may bring one for each commit.
inline constexpr std::int64_t releases = 1'000;

// What others are told of: webhooks, e-mail, ntfy.
inline constexpr int integrations = 20;
inline constexpr int deliveries_waiting = 1'000;        ///< for each; what comes beyond is counted and not kept
inline constexpr int urgent_deliveries_waiting = 100;   ///< beyond these, which must not be crowded out
inline constexpr int deliveries_dead = 200;             ///< likewise
inline constexpr std::size_t deliveries_begun = 1'000;  ///< for each, not written down yet: the database may be away
inline constexpr std::size_t bytes_begun = 8 * 1024 * 1024;  ///< likewise, of all
inline constexpr std::size_t deliveries_written = 200;       ///< at once: others wait for the database too
inline constexpr int deliveries_told = 100;                  ///< in one digest, one by one
inline constexpr auto delivery_time = 10s;  ///< for a message by HTTP, from its beginning to the answer
inline constexpr auto mail_time = 5min;     ///< for an e-mail: servers look into what they get (RFC 5321 §4.5.3.2)
inline constexpr Rate waiting_event_rate{20, 2};  ///< events that a new device waits for approval
inline constexpr int absences_told_at_once = 25;  ///< beginnings and ends, in one look: rows for each receiver
inline constexpr int delivery_attempts = 10;
inline constexpr Rate mqtt_command_rate{100, 120};  ///< commands and events of a broker's clients; others are left out
inline constexpr auto longest_delivery_pause = 1h;  ///< between two of these; each is twice as long as the one before

// What one device may make us write and decide, whether it stays connected or comes again and again.
inline constexpr std::int64_t audit_entries = 100'000;  ///< changes by people that are remembered
inline constexpr std::size_t message_length = 300;      ///< bytes of a line of history or log, and of a state in words
inline constexpr std::size_t notes = 1024;              ///< bytes that people write down about a device
inline constexpr std::size_t application_json = 8 * 1024;  ///< its functions and variables, as a row and on the page
inline constexpr Rate event_rate{60, 300};                 ///< that a device publishes
inline constexpr Rate history_rate{60, 10};                ///< of history and log
inline constexpr Rate row_write_rate{30, 12};              ///< writes of its row; what comes between is merged
inline constexpr Rate dtls_position_rate{64, 30};          ///< writes of how far its DTLS records were read
inline constexpr Rate planning_rate{40, 20};               ///< plans made from its Describe
inline constexpr Rate changed_key_rate{2, 0.1};            ///< other keys that proved to be somebody's and claim its id
inline constexpr auto merge_delay = 5s;                    ///< after which merged changes are written
inline constexpr auto transfer_stall_timeout = 30s;        ///< without progress: then others may go first
inline constexpr auto replacement_window = 15min;  ///< within which so many connections that replace a living one
inline constexpr int max_replacements = 4;         ///< look like two devices with one id

// What follows from these for one device: its JSON on the page, and its rows without the history. Tested. (A connection
// over TCP has some 17 kB of memory of its own, and what a device has said last is kept for as long as it is connected:
// `./dev load pending` measures it.)
inline constexpr std::size_t pending_device = 16 * 1024;
inline constexpr std::size_t approved_device = 64 * 1024;

}  // namespace drydock::limits
