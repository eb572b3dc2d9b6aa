// The smaller messages between a device and its cloud (PROTOCOL §4), as pure functions.
#pragma once

#include "coap/block.hpp"
#include "coap/message.hpp"

#include <string>

namespace drydock::device {

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
};
Event parse_event(const coap::Message& message);

/// NON POST e, no token: names are parsed from a fixed offset up to 5.x.
coap::Message event_message(std::string_view name, std::string_view data);

/// The prefix a device subscribes to.
std::string subscription_filter(const coap::Message& message);

/// "the device goes to sleep for 300 s": the payload of a Goodbye, LEB128 numbers (PROTOCOL §4.9).
std::string goodbye_words(ByteView payload);

}  // namespace drydock::device
