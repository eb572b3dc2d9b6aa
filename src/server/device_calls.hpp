// What people and programs ask of a connected device, in their terms. On the loop; `done` is called once, there, now or
// later.
#pragma once

#include "device/messages.hpp"
#include "server/device_server.hpp"

#include <functional>

namespace drydock::server {

template <class T>
using Done = std::function<void(Result<T>)>;

/// ErrorKind::not_found: no such device, or it has no such function; ErrorKind::closed: it is not connected, or left
/// before it answered; ErrorKind::conflict: it is being updated; ErrorKind::too_large: the argument;
/// ErrorKind::refused: the device is not approved, or does not understand; ErrorKind::timed_out,
/// ErrorKind::rate_limited.
void call_function(const DeviceServer& server, const transport::DeviceId& device, const std::string& name,
    const std::string& argument, Done<std::int32_t> done);
/// Likewise.
void read_variable(const DeviceServer& server, const transport::DeviceId& device, const std::string& name,
    Done<device::VariableValue> done);
/// Likewise: a rainbow on its light, so that one finds it.
void signal(const DeviceServer& server, const transport::DeviceId& device, bool on, Done<bool> done);

}  // namespace drydock::server
