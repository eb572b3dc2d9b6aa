#include "server/node_messages.hpp"

#include "base/bytes.hpp"

#include <bit>
#include <nlohmann/json.hpp>

namespace drydock::server {
namespace {

using nlohmann::json;

// Devices choose names and values: bytes, not always text.
std::string hex(const std::string& bytes) {
  return to_hex(view_of(bytes));
}

std::string bytes_in(const json& hex_digits) {
  const auto bytes = from_hex(hex_digits.get<std::string>());
  if (!bytes) throw std::invalid_argument("no hexadecimal digits");
  return std::string(text_of(*bytes));
}

transport::DeviceId device_in(const json& text) {
  const auto id = transport::DeviceId::parse(text.get<std::string>());
  if (!id) throw std::invalid_argument("no device's id");
  return *id;
}

json as_json(const device::VariableValue& value) {
  struct Typed {
    json operator()(bool v) const { return {{"bool", v}}; }
    json operator()(std::int32_t v) const { return {{"int32", v}}; }
    json operator()(double v) const { return {{"double", std::bit_cast<std::uint64_t>(v)}}; }  // JSON has no NaN
    json operator()(const std::string& v) const { return {{"string", hex(v)}}; }
  };
  return std::visit(Typed{}, value);
}

device::VariableValue value_in(const json& typed) {
  if (typed.contains("bool")) return typed["bool"].get<bool>();
  if (typed.contains("int32")) return typed["int32"].get<std::int32_t>();
  if (typed.contains("double")) return std::bit_cast<double>(typed["double"].get<std::uint64_t>());
  return bytes_in(typed.at("string"));
}

json as_json(const PublishedEvent& event) {
  return {hex(event.name), hex(event.data), event.ttl, event.is_private, event.from ? event.from->text() : "",
      event.published_at};
}

PublishedEvent event_in(const json& fields) {
  PublishedEvent event;
  event.name = bytes_in(fields.at(0));
  event.data = bytes_in(fields.at(1));
  event.ttl = fields.at(2).get<std::uint32_t>();
  event.is_private = fields.at(3).get<bool>();
  if (!fields.at(4).get<std::string>().empty()) event.from = device_in(fields.at(4));
  event.published_at = fields.at(5).get<std::int64_t>();
  return event;
}

struct Encoder {
  json& body;
  void operator()(const NodeQuestion& question) const {
    body["id"] = question.id;
    body["ask"] = {static_cast<int>(question.request.kind), question.request.device.text(), hex(question.request.name),
        hex(question.request.argument)};
  }
  void operator()(const NodeAnswer& answer) const {
    body["id"] = answer.id;
    if (answer.result)
      body["value"] = as_json(*answer.result);
    else
      body["error"] = {static_cast<int>(answer.result.error().kind), answer.result.error().message};
  }
  void operator()(const std::vector<PublishedEvent>& events) const {
    body["events"] = json::array();
    for (const auto& event : events) body["events"].push_back(as_json(event));
  }
};

template <class Enum>
Enum enum_in(const json& number, Enum last) {
  const auto value = number.get<int>();
  if (value < 0 || value > static_cast<int>(last)) throw std::invalid_argument("an unknown number");
  return static_cast<Enum>(value);
}

NodeMessage message_in(const json& body) {
  NodeMessage message;
  message.from = body.at("from").get<std::int64_t>();
  message.to = body.at("to").get<std::int64_t>();
  if (body.contains("events")) {
    std::vector<PublishedEvent> events;
    for (const auto& event : body["events"]) events.push_back(event_in(event));
    message.content = std::move(events);
    return message;
  }
  const auto id = body.at("id").get<std::int64_t>();
  if (body.contains("ask")) {
    const auto& ask = body["ask"];
    message.content = NodeQuestion{id,
        {enum_in(ask.at(0), DeviceRequest::Kind::vitals), device_in(ask.at(1)), bytes_in(ask.at(2)),
            bytes_in(ask.at(3))}};
  } else if (body.contains("error")) {
    const auto& error = body["error"];
    message.content =
        NodeAnswer{id, failure(enum_in(error.at(0), ErrorKind::internal), error.at(1).get<std::string>())};
  } else {
    message.content = NodeAnswer{id, value_in(body.at("value"))};
  }
  return message;
}

}  // namespace

std::string encode(const NodeMessage& message) {
  json body{{"from", message.from}, {"to", message.to}};
  std::visit(Encoder{body}, message.content);
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<NodeMessage> decode_node_message(std::string_view text) {
  try {
    return message_in(json::parse(text));
  } catch (const std::exception& e) {
    return failure(ErrorKind::malformed, e.what());
  }
}

}  // namespace drydock::server
