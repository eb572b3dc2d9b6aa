// What runs on a virtual device above Device OS: a coffee machine with functions, variables, and an ear for orders.
#pragma once

#include "base/bytes.hpp"
#include "coap/message.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace drydock::virtual_device {

class Application {
public:
  /// Its part of a Describe.
  static std::string describe();
  /// The prefix of the events it subscribes to.
  static constexpr const char* orders = "order";

  /// "brew" returns its argument as a number, or its length; "sulk" is there and never returns. Nothing: no answer.
  std::optional<std::int32_t> call(const std::string& name, const std::string& argument);
  /// As it goes over the wire; nothing: there is none of that name.
  std::optional<Bytes> variable(const std::string& name) const;

  std::string motto = "strong & black";
  std::string last_order;  ///< data of the last event it heard
  std::int32_t brewed = 0;
  bool signaling = false;
};

/// Its answer to POST f, GET v or PUT s, with the request's token; nothing when it never gives one, as Device OS does
/// for a function that is not there.
std::optional<coap::Message> application_response(Application& application, const coap::Message& request);

}  // namespace drydock::virtual_device
