// What somebody asks of a device.
#pragma once

#include "base/result.hpp"
#include "device/messages.hpp"
#include "transport/device_id.hpp"

#include <functional>
#include <string>

namespace drydock::server {

struct DeviceRequest {
  enum class Kind {
    call,        ///< a function, with its argument: the answer is its int32
    read,        ///< a variable: the answer is its value
    signal,      ///< a rainbow on its light, so that one finds it: the answer is true
    signal_off,  ///< the answer is false
    vitals       ///< the answer is text: {"updated_at": UTC milliseconds, "payload": vitals_json()}; of one that is
                 ///< away, what it said last
  };
  Kind kind = Kind::call;
  transport::DeviceId device;
  std::string name;      ///< of the function or the variable
  std::string argument;  ///< of the function
  bool operator==(const DeviceRequest&) const = default;
};

using Answered = std::function<void(Result<device::VariableValue>)>;

}  // namespace drydock::server
