// What is asked of a device itself: its functions, its variables, its light.
#include "web/cloud_api.hpp"

#include "base/limits.hpp"
#include "server/device_calls.hpp"
#include "web/counted_place.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;

namespace {

json as_json(const device::VariableValue& value) {
  if (const auto* number = std::get_if<double>(&value); number != nullptr && !std::isfinite(*number)) return nullptr;
  return std::visit([](const auto& v) { return json(v); }, value);
}

json core_info(const store::DeviceRow& row) {
  return {{"last_app", ""}, {"last_heard", iso_time(row.last_seen)}, {"connected", true},
      {"last_handshake_at", iso_time(row.last_seen)}, {"deviceID", row.id}, {"product_id", row.platform},
      {"name", row.name.empty() ? json() : json(row.name)}};
}

bool is_raw(const Request& request) {
  return request.parameter("format") == "raw" || argument(request, "format") == "raw";
}

server::DeviceRequest request_of(
    const store::DeviceRow& row, server::DeviceRequest::Kind kind, const std::string& name = "") {
  return {kind, transport::DeviceId::parse(row.id).value_or(transport::DeviceId{}), name, ""};
}

}  // namespace

// One device that does not answer leaves places to the others.
class CloudApi::WaitingCall {
public:
  WaitingCall(CloudApi& api, const std::string& device) : api_(api), device_(device) {
    const std::lock_guard lock(api_.waiting_mutex_);
    has_place_ = ++api_.waiting_of_device_[device_] <= limits::cloud_calls_per_device;
  }
  ~WaitingCall() {
    const std::lock_guard lock(api_.waiting_mutex_);
    if (--api_.waiting_of_device_[device_] == 0) api_.waiting_of_device_.erase(device_);
  }
  WaitingCall(const WaitingCall&) = delete;
  WaitingCall& operator=(const WaitingCall&) = delete;
  bool has_place() const { return has_place_; }

private:
  CloudApi& api_;
  const std::string& device_;
  bool has_place_;
};

// Each that waits has a thread of the page's.
Result<device::VariableValue> CloudApi::ask(const store::DeviceRow& row, server::DeviceRequest request) {
  const CountedPlace place(waiting_calls_);
  if (place.number() > limits::cloud_calls)
    return failure(ErrorKind::rate_limited, "too many devices are asked at the same time: try again");
  const WaitingCall waiting(*this, row.id);
  if (!waiting.has_place())
    return failure(ErrorKind::rate_limited, "too many wait for an answer of this device: try again");
  return bridge_.ask_device(row.connected ? row.node : 0, std::move(request));
}

Response CloudApi::call(const Request& request, const std::string& id_or_name, const std::string& function) {
  const auto row = find(id_or_name);
  if (!row) return cloud_error(row.error());
  auto call = request_of(*row, server::DeviceRequest::Kind::call, function);
  // particle-cli sends args, the manuals say arg, old programs params.
  for (const auto* field : {"args", "arg", "params"}) {
    const auto given = argument(request, field);
    if (!given) continue;
    call.argument = *given;
    break;
  }
  const auto result = ask(*row, std::move(call));
  if (!result) return cloud_error(result.error());
  const auto returned = as_json(*result);
  if (is_raw(request)) return {200, "text/plain", returned.dump()};
  return cloud_answer(json_text(
      {{"id", row->id}, {"name", row->name}, {"last_app", ""}, {"connected", true}, {"return_value", returned}}));
}

Response CloudApi::variable(const Request& request, const std::string& id_or_name, const std::string& name) {
  const auto row = find(id_or_name);
  if (!row) return cloud_error(row.error());
  const auto value = ask(*row, request_of(*row, server::DeviceRequest::Kind::read, name));
  if (!value) return cloud_error(value.error());
  const auto result = as_json(*value);
  if (is_raw(request)) return {200, "text/plain", result.is_string() ? result.get<std::string>() : result.dump()};
  return cloud_answer(
      json_text({{"cmd", "VarReturn"}, {"name", name}, {"result", result}, {"coreInfo", core_info(*row)}}));
}

Response CloudApi::signal(const store::DeviceRow& row, bool on) {
  using Kind = server::DeviceRequest::Kind;
  const auto signaling = ask(row, request_of(row, on ? Kind::signal : Kind::signal_off));
  if (!signaling) return cloud_error(signaling.error());
  return cloud_answer(json_text({{"id", row.id}, {"connected", true}, {"signaling", as_json(*signaling)}}));
}

}  // namespace drydock::web
