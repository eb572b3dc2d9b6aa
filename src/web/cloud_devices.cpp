// Devices as Particle's tools see them.
#include "web/json_body.hpp"
#include "web/cloud_api.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "firmware/releases.hpp"
#include "server/commands.hpp"
#include "store/device_list.hpp"

#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;
namespace commands = server::commands;

namespace {

const char* variable_type(int type) {
  switch (type) {
    case 1: return "bool";
    case 2: return "int32";
    case 9: return "double";
    default: return "string";
  }
}

json device_object(const store::DeviceRow& row) {
  json functions = json::array();
  json variables = json::object();
  const auto application = json::parse(row.application, nullptr, false);
  if (application.is_object()) {
    functions = application.value("functions", json::array());
    const auto types = application.value("variables", json::object());
    for (const auto& [name, type] : types.items())
      variables[name] = variable_type(type.is_number_integer() ? type.get<int>() : 0);
  }
  json object{{"id", row.id}, {"name", row.name.empty() ? json() : json(row.name)}, {"owner", "owner"},
      {"last_ip_address", row.address}, {"last_heard", row.last_seen == 0 ? json() : json(iso_time(row.last_seen))},
      {"last_handshake_at", iso_time(row.last_seen)}, {"product_id", row.platform}, {"platform_id", row.platform},
      {"connected", row.connected}, {"online", row.connected}, {"status", "normal"},
      {"notes", row.notes.empty() ? json() : json(row.notes)}, {"cellular", false}, {"functions", functions},
      {"variables", variables}, {"firmware_updates_enabled", row.updates_enabled.value_or(true)},
      {"firmware_updates_forced", row.forced}};
  if (const auto release = firmware::release_of_system_version(row.platform, row.system_version))
    object["system_firmware_version"] = release->text();
  return object;
}

std::optional<bool> truth(const std::string& word) {
  if (word == "1" || word == "true") return true;
  if (word == "0" || word == "false") return false;
  return std::nullopt;
}

// A field of JSON that is there, and says that there is nothing.
bool is_null(const Request& request, const char* name) {
  const auto body = parse_body(request.body);
  return body.is_object() && body.contains(name) && body[name].is_null();
}

Error unknown_device() {
  // The words by which particle-cli knows it.
  return {ErrorKind::refused, "I didn't recognize that device name or ID"};
}

}  // namespace

Result<store::DeviceRow> CloudApi::find(const std::string& id_or_name) const {
  const auto wanted = id_or_name.size() == 24 ? lower_ascii(id_or_name) : id_or_name;
  auto lease = readers_.lease();
  auto row = commands::find_device(*lease, wanted);
  if (!row && wanted != id_or_name) row = commands::find_device(*lease, id_or_name);
  if (!row && row.error().kind == ErrorKind::conflict) return tl::unexpected(row.error());
  // One that waits for approval is nobody's yet.
  if (!row || row->approval != "approved") return tl::unexpected(unknown_device());
  return row;
}

Result<void> CloudApi::for_each_device(const std::function<void(const store::DeviceRow&)>& take) const {
  store::DeviceQuery query;
  query.limit = limits::devices_in_a_list;
  auto lease = readers_.lease();
  do {
    const auto page = store::list_devices(*lease, query);
    if (!page) return tl::unexpected(page.error());
    for (const auto& device : page->devices)
      if (device.row.approval == "approved") take(device.row);
    query.after = page->next;
  } while (!query.after.empty());
  return {};
}

Response CloudApi::devices() const {
  std::string list;
  const auto listed =
      for_each_device([&](const auto& row) { list += (list.empty() ? "" : ",") + json_text(device_object(row)); });
  return listed ? cloud_answer("[" + list + "]") : cloud_error(listed.error());
}

// All on one page, as many as there are.
Response CloudApi::devices_of_product() const {
  auto list = devices();
  if (list.status == 200) list.body = R"({"devices":)" + list.body + R"(,"customers":[],"meta":{"total_pages":1}})";
  return list;
}

Response CloudApi::device(const std::string& id_or_name) const {
  const auto row = find(id_or_name);
  return row ? cloud_answer(json_text(device_object(*row))) : cloud_error(row.error());
}

// A device that came and waits for approval is approved by it; one that is here already is the owner's.
Response CloudApi::claim(const Request& request) {
  const auto id = lower_ascii(argument(request, "id").value_or(""));
  if (!transport::DeviceId::parse(id)) return cloud_error(400, "'id' must be a device's id, 24 hexadecimal digits");
  const auto claimed = bridge_.change([id](store::Database& db) -> Result<void> {
    const auto row = store::load_device(db, id);
    if (!row) return failure(ErrorKind::not_found, "this device has not come here yet: switch it on, then claim it");
    if (row->approval == "refused")
      return failure(ErrorKind::refused, "this device was refused by a person: approve it on the page first");
    return row->approval == "approved" ? Result<void>{} : commands::approve(db, id, "");
  });
  if (!claimed) return cloud_error(claimed.error());
  const auto row = find(id);
  if (!row) return cloud_error(row.error());
  return cloud_answer(json_text({{"ok", true}, {"id", id}, {"user_id", "owner"}, {"connected", row->connected}}));
}

Response CloudApi::change(const Request& request, const std::string& id_or_name) {
  const auto row = find(id_or_name);
  if (!row) return cloud_error(row.error());
  if (request.header("content-type").starts_with("multipart/form-data")) return flash(request, *row);
  if (const auto on = argument(request, "signal")) {
    const auto wanted = truth(*on);
    return wanted ? signal(*row, *wanted) : cloud_error(400, "'signal' is 1 or 0");
  }
  const auto change = [&](service::LoopBridge::Work work, const json& answer) {
    const auto changed = bridge_.change(std::move(work));
    return changed ? cloud_answer(json_text(answer)) : cloud_error(changed.error());
  };
  const auto id = row->id;
  if (const auto name = argument(request, "name"))
    return change([id, name = *name](store::Database& db) { return commands::rename(db, id, name); },
        {{"id", id}, {"name", *name}, {"updated_at", iso_time(utc_milliseconds())}});
  if (const auto notes = is_null(request, "notes") ? std::string() : argument(request, "notes"))
    return change(
        [id, notes = *notes](store::Database& db) -> Result<void> {
          commands::annotate(db, id, notes);
          return {};
        },
        {{"id", id}, {"notes", *notes}, {"updated_at", iso_time(utc_milliseconds())}});
  if (const auto forced = argument(request, "firmware_updates_forced")) {
    const auto on = truth(*forced);
    if (!on) return cloud_error(400, "'firmware_updates_forced' is true or false");
    return change(
        [id, on = *on](store::Database& db) -> Result<void> {
          commands::force(db, id, on);
          return {};
        },
        {{"id", id}, {"firmware_updates_forced", *on}});
  }
  return cloud_error(
      400, "nothing is said that could be changed: 'name', 'notes', 'signal', 'firmware_updates_forced' or a file");
}

Response CloudApi::remove(const std::string& id_or_name) {
  const auto row = find(id_or_name);
  if (!row) return cloud_error(row.error());
  const auto forgotten = bridge_.change([id = row->id](store::Database& db) -> Result<void> {
    commands::forget(db, id);
    return {};
  });
  return forgotten ? cloud_answer(R"({"ok":true})") : cloud_error(forgotten.error());
}

Response CloudApi::ping(const std::string& id_or_name) const {
  const auto row = find(id_or_name);
  return row ? cloud_answer(json_text({{"online", row->connected}, {"ok", true}})) : cloud_error(row.error());
}

Response CloudApi::publish(const Request& request) {
  server::PublishedEvent event;
  event.name = argument(request, "name").value_or("");
  event.data = argument(request, "data").value_or("");
  event.is_private = argument(request, "private").value_or("true") != "false";
  event.published_at = utc_milliseconds();
  if (const auto why = server::unusable_event(event)) return cloud_error(400, *why);
  bridge_.publish(std::move(event));
  return cloud_answer(R"({"ok":true})");
}

}  // namespace drydock::web
