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

transport::DeviceId id_of(const store::DeviceRow& row) {
  return transport::DeviceId::parse(row.id).value_or(transport::DeviceId{});
}

}  // namespace

// Each that waits has a thread of the page's.
template <class T>
Result<T> CloudApi::ask(LoopBridge::Question<T> question) {
  const CountedPlace place(waiting_calls_);
  if (place.number() > limits::cloud_calls)
    return failure(ErrorKind::rate_limited, "too many devices are asked at the same time: try again");
  return bridge_.ask_device<T>(std::move(question));
}

Response CloudApi::call(const Request& request, const std::string& id_or_name, const std::string& function) {
  const auto row = find(id_or_name);
  if (!row) return cloud_error(row.error());
  // particle-cli sends args, the manuals say arg, old programs params.
  auto given = argument(request, "args");
  if (!given) given = argument(request, "arg");
  if (!given) given = argument(request, "params");
  LoopBridge::Question<std::int32_t> question = [id = id_of(*row), function, argument = given.value_or("")](
                                                    const server::DeviceServer& server, auto done) {
    server::call_function(server, id, function, argument, std::move(done));
  };
  const auto result = ask<std::int32_t>(std::move(question));
  if (!result) return cloud_error(result.error());
  if (is_raw(request)) return {200, "text/plain", std::to_string(*result)};
  return cloud_answer(json_text(
      {{"id", row->id}, {"name", row->name}, {"last_app", ""}, {"connected", true}, {"return_value", *result}}));
}

Response CloudApi::variable(const Request& request, const std::string& id_or_name, const std::string& name) {
  const auto row = find(id_or_name);
  if (!row) return cloud_error(row.error());
  LoopBridge::Question<device::VariableValue> question = [id = id_of(*row), name](
                                                             const server::DeviceServer& server, auto done) {
    server::read_variable(server, id, name, std::move(done));
  };
  const auto value = ask<device::VariableValue>(std::move(question));
  if (!value) return cloud_error(value.error());
  const auto result = as_json(*value);
  if (is_raw(request)) return {200, "text/plain", result.is_string() ? result.get<std::string>() : result.dump()};
  return cloud_answer(
      json_text({{"cmd", "VarReturn"}, {"name", name}, {"result", result}, {"coreInfo", core_info(*row)}}));
}

Response CloudApi::signal(const store::DeviceRow& row, bool on) {
  LoopBridge::Question<bool> question = [id = id_of(row), on](const server::DeviceServer& server, auto done) {
    server::signal(server, id, on, std::move(done));
  };
  const auto signaling = ask<bool>(std::move(question));
  if (!signaling) return cloud_error(signaling.error());
  return cloud_answer(json_text({{"id", row.id}, {"connected", true}, {"signaling", *signaling}}));
}

}  // namespace drydock::web
