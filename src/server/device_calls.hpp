// What people and programs ask of a connected device, in their terms. On the loop; `done` is called once, there, now or
// later.
#pragma once

#include "device/messages.hpp"
#include "server/device_server.hpp"
#include "server/device_request.hpp"

#include <functional>

namespace drydock::server {

/// Of a device that is connected to this machine. ErrorKind::not_found: no such device, or it has no such function or
/// variable; ErrorKind::closed: it is not connected, or left before it answered; ErrorKind::conflict: it is being
/// updated; ErrorKind::too_large: the argument; ErrorKind::refused: the device is not approved, or does not understand;
/// ErrorKind::timed_out, ErrorKind::rate_limited.
void ask_device(DeviceServer& server, const DeviceRequest& request, Answered done);

}  // namespace drydock::server
