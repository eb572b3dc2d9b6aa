// `particle keys send` and `keys doctor`: a device's key is on file before the device comes.
#include "web/cloud_api.hpp"

#include "base/clock.hpp"
#include "base/text.hpp"
#include "crypto/pem.hpp"
#include "server/commands.hpp"

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
  const auto listed = for_each_device([&](const auto& row) { ids.push_back(row.id); });
  if (!listed) return cloud_error(listed.error());
  return cloud_answer(json_text({{"claim_code", *code}, {"device_ids", ids}}));
}

}  // namespace drydock::web
