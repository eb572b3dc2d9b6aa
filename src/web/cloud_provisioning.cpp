// `particle keys send` and `keys doctor`: a device's key is on file before the device comes.
#include "web/cloud_api.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "crypto/pem.hpp"
#include "server/commands.hpp"
#include "store/device_list.hpp"

#include <nlohmann/json.hpp>

namespace drydock::web {

namespace commands = server::commands;
using nlohmann::json;

Response CloudApi::provision(const Request& request, const std::string& device) {
  const auto id = lower_ascii(device);
  const auto key = crypto::public_key_der(argument(request, "publicKey").value_or(""));
  if (!key) return cloud_error(400, "'publicKey': " + key.error().message);
  const auto kept = bridge_.change(
      [id, key = *key](store::Database& db) { return commands::register_key(db, id, key, utc_milliseconds()); });
  return kept ? cloud_answer(R"({"ok":true})") : cloud_error(kept.error());
}

// For a device that is being set up: it shows the code when it comes, and is approved.
Response CloudApi::claim_code(const Identity& identity) {
  const auto code = authentication_.make_claim_code(identity, utc_milliseconds());
  if (!code) return cloud_error(code.error());
  json ids = json::array();
  store::DeviceQuery query;
  query.limit = limits::devices_in_a_list;
  auto lease = readers_.lease();
  do {
    const auto page = store::list_devices(*lease, query);
    if (!page) return cloud_error(page.error());
    for (const auto& device : page->devices)
      if (device.row.approval == "approved") ids.push_back(device.row.id);
    query.after = page->next;
  } while (!query.after.empty());
  return cloud_answer(json_text({{"claim_code", *code}, {"device_ids", ids}}));
}

}  // namespace drydock::web
