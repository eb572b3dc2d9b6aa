// `particle keys send` and `keys doctor`: a device's key is on file before the device comes.
#include "web/cloud_api.hpp"

#include "base/clock.hpp"
#include "base/text.hpp"
#include "crypto/pem.hpp"
#include "server/commands.hpp"

namespace drydock::web {

namespace commands = server::commands;

Response CloudApi::provision(const Request& request, const std::string& device) {
  const auto id = lower_ascii(device);
  const auto key = crypto::public_key_der(argument(request, "publicKey").value_or(""));
  if (!key) return cloud_error(400, "'publicKey': " + key.error().message);
  const auto kept = bridge_.change(
      [id, key = *key](store::Database& db) { return commands::register_key(db, id, key, utc_milliseconds()); });
  return kept ? cloud_answer(R"({"ok":true})") : cloud_error(kept.error());
}

}  // namespace drydock::web
