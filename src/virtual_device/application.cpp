#include "virtual_device/application.hpp"

#include <bit>
#include <charconv>

namespace drydock::virtual_device {

std::string Application::describe() {
  return R"({"f":["brew","sulk"],"v":{"temperature":9,"brewed":2,"signaling":1,"motto":4,"order":4}})";
}

std::optional<std::int32_t> Application::call(const std::string& name, const std::string& argument) {
  if (name != "brew") return std::nullopt;
  ++brewed;
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(argument.data(), argument.data() + argument.size(), number);
  const bool is_number = error == std::errc() && end == argument.data() + argument.size();
  return is_number ? number : static_cast<std::int32_t>(argument.size());
}

std::optional<Bytes> Application::variable(const std::string& name) const {
  Bytes value;
  if (name == "temperature") {
    auto bits = std::bit_cast<std::uint64_t>(21.5);
    for (int i = 0; i < 8; ++i, bits >>= 8) value.push_back(static_cast<std::uint8_t>(bits));
  } else if (name == "brewed") {
    put_be32(value, static_cast<std::uint32_t>(brewed));
  } else if (name == "signaling") {
    value.push_back(signaling ? 1 : 0);
  } else if (name == "motto") {
    value.assign(motto.begin(), motto.end());
  } else if (name == "order") {
    value.assign(last_order.begin(), last_order.end());
  } else {
    return std::nullopt;
  }
  return value;
}

std::optional<coap::Message> application_response(Application& application, const coap::Message& request) {
  using coap::Code;
  const auto path = request.path();
  const auto name = path.size() > 2 ? path.substr(2) : std::string();
  const auto* query = request.find(coap::option::uri_query);
  const std::string argument(query != nullptr ? text_of(query->value) : std::string_view());
  auto response = coap::piggybacked(request, Code::changed);
  if (request.code == Code::put) {
    application.signaling = !argument.empty() && argument[0] == 1;
  } else if (request.code == Code::post) {
    const auto result = application.call(name, argument);
    if (!result) return std::nullopt;
    put_be32(response.payload, static_cast<std::uint32_t>(*result));
  } else {
    const auto value = application.variable(name);
    response.code = value ? Code::content : Code::not_found;
    if (value) response.payload = *value;
  }
  return response;
}

}  // namespace drydock::virtual_device
