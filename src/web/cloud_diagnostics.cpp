// Device vitals, as Particle's API has them.
#include "web/cloud_api.hpp"

#include "server/device_calls.hpp"

#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;

// A device that is here is asked; of one that is away there is what it said last.
Response CloudApi::vitals(const std::string& id_or_name, Vitals wanted) {
  const auto row = find(id_or_name);
  if (!row) return cloud_error(row.error());
  const auto device = transport::DeviceId::parse(row->id).value_or(transport::DeviceId{});
  if (wanted == Vitals::update && !row->connected)
    return cloud_error({ErrorKind::closed, "the device is not connected"});
  const auto told = ask(*row, {server::DeviceRequest::Kind::vitals, device, "", ""});
  if (!told && told.error().kind == ErrorKind::closed)
    return cloud_error(
        404, "the device is not connected, and has told nothing of its vitals since Drydock was started");
  if (!told) return cloud_error(told.error());
  const auto* text = std::get_if<std::string>(&*told);
  auto answer = json::parse(text != nullptr ? *text : "", nullptr, false);
  if (!answer.is_object()) return cloud_error(500, "the device's vitals cannot be read");
  if (wanted == Vitals::update) {
    bridge_.publish(server::vitals_event(device, answer["payload"].dump()));
    return cloud_answer(R"({"ok":true})");
  }
  const json vitals{{"deviceID", row->id}, {"updated_at", iso_time(answer["updated_at"].get<std::int64_t>())},
      {"payload", answer["payload"]}};
  return cloud_answer(json_text({{"diagnostics", wanted == Vitals::history ? json::array({vitals}) : vitals}}));
}

}  // namespace drydock::web
