#include "server/device_calls.hpp"

#include "base/limits.hpp"
#include "device/vitals.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace drydock::server {
namespace {

Result<const DeviceEntry*> reachable(const DeviceServer& server, const transport::DeviceId& id) {
  const auto found = server.fleet().find(id);
  if (found == server.fleet().end() || found->second.device == nullptr)
    return failure(ErrorKind::closed, "the device is not connected");
  const auto& entry = found->second;
  if (entry.row.approval != "approved") return failure(ErrorKind::refused, "the device waits for approval");
  if (entry.transfer) return failure(ErrorKind::conflict, "the device is being updated: try again when that is done");
  return &entry;
}

// As its Describe says; a device answers nothing at all when it is asked for another function.
nlohmann::json application_of(const DeviceEntry& entry) {
  auto application = nlohmann::json::parse(entry.row.application, nullptr, false);
  return application.is_object() ? application : nlohmann::json::object();
}

void ask(const DeviceEntry& entry, coap::Message request, std::function<void(Result<coap::Message>)> done) {
  device::Call call;
  call.request = std::move(request);
  call.deadline = Clock::now() + limits::call_timeout;
  call.done = done;
  if (const auto asked = entry.device->call(std::move(call)); !asked) done(tl::unexpected(asked.error()));
}

void call_function(const DeviceEntry& entry, const DeviceRequest& request, Answered done) {
  const auto functions = application_of(entry).value("functions", nlohmann::json::array());
  if (std::find(functions.begin(), functions.end(), request.name) == functions.end())
    return done(failure(ErrorKind::not_found, fmt::format("Function {} not found", request.name)));
  const auto longest = device::longest_argument(entry.row.system_version, entry.row.platform);
  if (request.argument.size() > longest)
    return done(failure(ErrorKind::too_large,
        fmt::format("this device takes {} bytes of argument at most, not {}", longest, request.argument.size())));
  const auto returned = [done = std::move(done)](Result<coap::Message> response) {
    if (!response) return done(tl::unexpected(response.error()));
    const auto result = device::function_result(*response);
    if (!result)
      return done(
          failure(ErrorKind::refused, "the device refuses to call it (" + coap::to_string(response->code) + ")"));
    done(device::VariableValue(*result));
  };
  ask(entry, device::function_request(request.name, request.argument), returned);
}

void read_variable(const DeviceEntry& entry, const DeviceRequest& request, Answered done) {
  const auto variables = application_of(entry).value("variables", nlohmann::json::object());
  const auto found = variables.find(request.name);
  if (found == variables.end() || !found->is_number_integer())
    return done(failure(ErrorKind::not_found, "Variable not found"));
  const auto read = [done = std::move(done), type = found->get<int>()](Result<coap::Message> response) {
    done(response ? device::variable_value(*response, type) : tl::unexpected(response.error()));
  };
  ask(entry, device::variable_request(request.name), read);
}

void signal(const DeviceEntry& entry, bool on, Answered done) {
  const auto signaling = [done = std::move(done), on](Result<coap::Message> response) {
    if (!response) return done(tl::unexpected(response.error()));
    if (!coap::is_success(response->code)) return done(failure(ErrorKind::refused, "the device refuses to signal"));
    done(device::VariableValue(on));
  };
  ask(entry, device::signal_request(on), signaling);
}

device::VariableValue vitals_answer(const LastVitals::Entry& vitals) {
  return fmt::format(R"({{"updated_at":{},"payload":{}}})", vitals.at, vitals.json);
}

void ask_for_vitals(
    DeviceServer& server, const Result<const DeviceEntry*>& entry, const transport::DeviceId& device, Answered done) {
  if (!entry) {
    const auto* last = entry.error().kind == ErrorKind::closed ? server.vitals().find(device) : nullptr;
    return done(last ? Result<device::VariableValue>(vitals_answer(*last)) : tl::unexpected(entry.error()));
  }
  if (!(*entry)->device->reported().hello.has_flag(device::hello_flag::diagnostics))
    return done(failure(ErrorKind::not_found, "this device's release has no vitals: Device OS 1.2.0 and later have"));
  const auto told = [&server, device, done = std::move(done)](Result<coap::Message> response) {
    if (!response) return done(tl::unexpected(response.error()));
    const auto* vitals = coap::is_success(response->code) ? server.take_vitals(device, response->payload) : nullptr;
    if (vitals == nullptr) return done(failure(ErrorKind::refused, "the device tells nothing of its vitals"));
    done(vitals_answer(*vitals));
  };
  ask(**entry, device::describe_request(device::describe_flag::metrics, std::nullopt), told);
}

}  // namespace

void ask_device(DeviceServer& server, const DeviceRequest& request, Answered done) {
  const auto entry = reachable(server, request.device);
  if (request.kind == DeviceRequest::Kind::vitals)
    return ask_for_vitals(server, entry, request.device, std::move(done));
  if (!entry) return done(tl::unexpected(entry.error()));
  switch (request.kind) {
    case DeviceRequest::Kind::call: return call_function(**entry, request, std::move(done));
    case DeviceRequest::Kind::read: return read_variable(**entry, request, std::move(done));
    case DeviceRequest::Kind::signal: return signal(**entry, true, std::move(done));
    case DeviceRequest::Kind::signal_off: return signal(**entry, false, std::move(done));
    case DeviceRequest::Kind::vitals: break;
  }
}

}  // namespace drydock::server
