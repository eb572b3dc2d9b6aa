// The smaller messages between a device and its cloud (PROTOCOL §4), as pure functions.
#pragma once

#include "coap/block.hpp"
#include "coap/message.hpp"

#include <string>
#include <variant>

namespace drydock::device {

/// Whether this answers that request of ours. An answer inside an acknowledgement has the id of what it answers: over
/// UDP the device may still answer what was asked in its session before a restart, or by another machine, with the same
/// token. Over TCP (`reliable`) the token alone counts: Device OS gives some of its acknowledgements ids of their own
/// there (6.2.0 that to a signal).
bool is_response_to(const coap::Message& message, const coap::Message& request, bool reliable);

/// What a request of a device is about, by its method and first path letter (PROTOCOL §4.0).
enum class RequestType {
  hello,
  describe_post,
  time,
  event,
  subscription,
  goodbye,
  update,  ///< GET c, PUT u, POST u, POST A: for the transfer
  unknown,
};
RequestType request_type(const coap::Message& request);

/// CON GET d with the part as one binary byte of query (mandatory from 3.3 on); without it for devices that refuse one.
coap::Message describe_request(std::optional<std::uint8_t> part, const std::optional<coap::Block>& block);

/// The answer to GET t: seconds since 1970 in exactly the form devices read at fixed offsets.
coap::Message time_response(const coap::Message& request, std::uint32_t unix_seconds);

struct Event {
  std::string name;  ///< "spark/device/safemode"
  std::string data;
  std::uint32_t ttl = 60;  ///< seconds; said as Max-Age when it is another
  bool is_private = true;  ///< path letter E; from 6.0 on all are
};
Event parse_event(const coap::Message& message);

/// NON POST e, no token: names are parsed from a fixed offset up to 5.x.
coap::Message event_message(std::string_view name, std::string_view data);

struct Subscription {
  std::string prefix;  ///< of event names
  std::string from;    ///< events of the device with this id alone; up to 5.x. Empty: of any
  bool operator==(const Subscription&) const = default;
};
Subscription parse_subscription(const coap::Message& message);

/// POST f (PROTOCOL §4.6): the name directly behind the letter, and always an argument, for devices parse by position.
coap::Message function_request(std::string_view name, std::string_view argument);
/// GET v (PROTOCOL §4.7).
coap::Message variable_request(std::string_view name);
/// PUT s (PROTOCOL §4.8): the device's light shows a rainbow, or stops.
coap::Message signal_request(bool on);

/// The longest argument that a device takes whole: it calls its function with the beginning of a longer one. Up to 0.7
/// 64 bytes, up to 2.x 622, from 3.0 on 864 on Gen 2 and 1024 on others.
std::size_t longest_argument(std::uint16_t system_version, std::uint16_t platform);

/// What a function returned; nothing in another answer than 2.04 with four bytes.
std::optional<std::int32_t> function_result(const coap::Message& response);
using VariableValue = std::variant<bool, std::int32_t, double, std::string>;
/// `type` as the Describe has it: 1 bool, 2 int32 (big-endian), 4 string, 9 double (little-endian).
/// ErrorKind::not_found: the device has no such variable; ErrorKind::malformed: these bytes are no value of the type.
Result<VariableValue> variable_value(const coap::Message& response, int type);

/// "the device goes to sleep for 300 s": the payload of a Goodbye, LEB128 numbers (PROTOCOL §4.9).
std::string goodbye_words(ByteView payload);

}  // namespace drydock::device
