// The server's public keys, for whoever points a device here.
#include "web/api.hpp"

#include "state/listening.hpp"
#include "state/server_keys.hpp"

#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;

Response Api::keys() const {
  const auto keys = state::load_server_keys(folder_);
  if (!keys) return problem(keys.error());
  const auto listening = state::load_listening(folder_).value_or(state::Listening{});
  return {200, "application/json",
      json{{"tcp", {{"fingerprint", state::fingerprint(keys->tcp.public_key_spki())}, {"port", listening.tcp_port}}},
          {"udp", {{"fingerprint", state::fingerprint(keys->udp.public_key_spki())}, {"port", listening.udp_port}}},
          {"addresses", state::own_addresses()}}
          .dump()};
}

Response Api::key_file(const Request& request, const std::string& kind) const {
  if (kind != "tcp" && kind != "udp") return problem(404, "Not found", "there is a key for 'tcp' and one for 'udp'");
  const auto keys = state::load_server_keys(folder_);
  if (!keys) return problem(keys.error());
  const bool udp = kind == "udp";
  const auto spki = udp ? keys->udp.public_key_spki() : keys->tcp.public_key_spki();
  const auto host = request.parameter("host");
  const auto listening = state::load_listening(folder_).value_or(state::Listening{});
  if (!host.empty() && (udp ? listening.udp_port : listening.tcp_port) == 0)
    return problem(503, "The port is not known", "this service does not listen for such devices, or not yet");
  // With an address: all that dfu-util writes. Without: the key, as particle-cli takes it.
  const auto content = host.empty() ? Result<Bytes>(spki)
                                    : state::server_key_file(udp ? state::udp_key_file : state::tcp_key_file, spki,
                                          host, udp ? listening.udp_port : listening.tcp_port);
  if (!content) return problem(content.error());
  const std::string name = udp ? "drydock-udp.pub.der" : "drydock.pub.der";
  return {200, "application/octet-stream", std::string(content->begin(), content->end()),
      {{"Content-Disposition", "attachment; filename=\"" + name + "\""}}};
}

}  // namespace drydock::web
