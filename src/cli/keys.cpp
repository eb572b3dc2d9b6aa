#include "appliance/server_keys.hpp"
#include "appliance/as_json.hpp"
#include "cli/open_store.hpp"
#include "firmware/files.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

namespace drydock::cli {
namespace {

// This machine's IPv4 addresses that a device could reach.
std::vector<std::string> own_addresses() {
  std::vector<std::string> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  for (const auto* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) || !(i->ifa_flags & IFF_UP)) continue;
    char text[INET_ADDRSTRLEN];
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr, text, sizeof text);
    found.emplace_back(text);
  }
  ::freeifaddrs(list);
  return found;
}

Result<std::string> host_for_devices(const std::string& asked) {
  if (!asked.empty()) return asked;
  const auto own = own_addresses();
  if (own.size() == 1) return own.front();
  std::string all;
  for (const auto& address : own) all += " " + address;
  return failure(Kind::not_found, "say with --host which address devices should use" + (own.empty() ? std::string() : "; this machine has" + all));
}

}  // namespace

int keys_create(const Context& context) {
  const auto folder = folder_of(context);
  if (const auto made = folder.create(); !made) return complain(made.error().message);
  const auto key = appliance::create_server_key(folder);
  if (!key) return complain(key.error().message);
  fmt::print("A server key was made: {}\n", folder.server_key().string());
  return 0;
}

int keys_show(const Context& context) {
  const auto key = appliance::load_server_key(folder_of(context));
  if (!key) return complain(key.error().message + ". 'drydock keys create' makes one, and so does the first start of 'drydock serve'");
  const auto spki = key->public_key_spki();
  if (context.json) fmt::print("{}\n", appliance::key_as_json(appliance::fingerprint(spki), key->public_key_pem()));
  else fmt::print("fingerprint  {}\n{}", appliance::fingerprint(spki), key->public_key_pem());
  return 0;
}

int keys_export(const Context& context, const KeyExport& what) {
  const auto folder = folder_of(context);
  if (const auto made = folder.create(); !made) return complain(made.error().message);
  const auto key = appliance::load_or_create_server_key(folder);
  if (!key) return complain(key.error().message);
  const auto host = host_for_devices(what.host);
  if (!host) return complain(host.error().message);
  const auto port = context.configuration.tcp_port;
  const auto spki = key->public_key_spki();
  const auto content = what.whole_file ? appliance::server_key_file(spki, *host, port) : Result<Bytes>(spki);
  if (!content) return complain(content.error().message);
  if (!what.force && std::filesystem::exists(what.output)) return complain(what.output.string() + " exists already; --force replaces it");
  if (const auto written = firmware::write_file(std::filesystem::absolute(what.output), *content); !written) return complain(written.error().message);

  fmt::print("Wrote {} ({} bytes).\n\n", what.output.string(), content->size());
  fmt::print("To point a Photon here, connect it by USB and put it into DFU mode: hold SETUP, tap RESET, and let go\n"
             "of SETUP when it blinks yellow. Then:\n\n");
  if (what.whole_file) fmt::print("  dfu-util -d 2b04:d006 -a 1 -s 2082 -D {}\n\n(a P1 is 2b04:d008)", what.output.string());
  else fmt::print("  particle keys server {} --host {} --port {}\n  particle keys address", what.output.string(), *host, port);
  fmt::print("\n\nand tap RESET. To send it back to Particle's cloud one day: particle keys server\n");
  return 0;
}

}  // namespace drydock::cli
