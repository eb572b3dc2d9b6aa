#include "state/listening.hpp"
#include "state/server_keys.hpp"
#include "server/as_json.hpp"
#include "cli/identity.hpp"
#include "cli/open_store.hpp"
#include "firmware/files.hpp"

#include <fmt/core.h>

namespace drydock::cli {
namespace {

// What devices should dial: what was asked for, else the one address that Drydock listens on, else this machine's only
// one.
Result<std::string> host_for_devices(const std::string& asked, const std::string& listens_on) {
  if (!asked.empty()) return asked;
  if (listens_on != "0.0.0.0" && listens_on != "::" && !listens_on.empty()) return listens_on;
  const auto own = state::own_addresses();
  if (own.size() == 1) return own.front();
  std::string all;
  for (const auto& address : own) all += " " + address;
  return failure(ErrorKind::not_found,
      "say with --host which address devices should use" + (own.empty() ? std::string() : "; this machine has" + all));
}

}  // namespace

int keys_create(const Context& context, bool lost) {
  const auto folder = folder_of(context);
  require_access(folder);
  require_finished(folder);
  std::optional<store::Database> db;
  if (!folder.store_url.empty()) db.emplace(store::Database::open(folder.location(), store::Access::read_write));
  if (lost && !db) return print_error("--lost is for the devices of a PostgreSQL: none is in the configuration");
  if (lost && !db->claim(store::Claim::exclusive))
    return print_error("a Drydock runs on " + store::shown(folder.location()) + ", so its keys are not lost");
  if (db && state::database_belongs_to_keys(*db) && !lost && !std::filesystem::exists(folder.server_key()))
    return print_error("the devices in " + store::shown(folder.location()) +
        " know their server by keys that were made before: copy them here, or restore a backup. If they are lost for "
        "good, add --lost");
  if (const auto made = folder.create(); !made) return print_error(made.error().message);
  const auto tcp = state::create_server_key(folder);
  const auto udp = state::create_udp_server_key(folder);
  if (tcp) fmt::print("A server key for TCP devices was made: {}\n", folder.server_key().string());
  if (udp) fmt::print("A server key for UDP devices was made: {}\n", folder.udp_server_key().string());
  if (!tcp && tcp.error().kind != ErrorKind::conflict) return print_error(tcp.error().message);
  if (!udp && udp.error().kind != ErrorKind::conflict) return print_error(udp.error().message);
  if (!tcp && !udp && !lost) return print_error(tcp.error().message);
  if (!lost) return 0;
  const auto keys = state::load_or_create_server_keys(folder);
  if (!keys) return print_error(keys.error().message);
  state::adopt_keys(*db, *keys);
  fmt::print("The database belongs to the keys in {} from now on.\n", folder.root.string());
  return 0;
}

int keys_show(const Context& context) {
  const auto folder = folder_of(context);
  require_access(folder);
  require_finished(folder);
  const auto tcp = state::load_server_key(folder);
  const auto udp = state::load_udp_server_key(folder);
  for (const auto* error : {tcp ? nullptr : &tcp.error(), udp ? nullptr : &udp.error()})
    if (error != nullptr)
      return print_error(error->message +
          ". 'drydock keys create' makes what is missing, and so does the first start of 'drydock serve'");
  const auto tcp_print = state::fingerprint(tcp->public_key_spki());
  const auto udp_print = state::fingerprint(udp->public_key_spki());
  if (context.json)
    fmt::print("{}\n", server::keys_as_json({tcp_print, tcp->public_key_pem()}, {udp_print, udp->public_key_pem()}));
  else
    fmt::print(
        "For Photon, P1 and Core (TCP):\nfingerprint  {}\n{}\nFor Electron, Argon, Boron, Tracker, P2 and later "
        "(UDP):\nfingerprint  {}\n{}",
        tcp_print, tcp->public_key_pem(), udp_print, udp->public_key_pem());
  return 0;
}

namespace {

// What a person does next, by the kind of device.
void explain_tcp(const KeyExport& what, const std::string& file, const std::string& host, std::uint16_t port) {
  fmt::print(
      "To point a Photon here, connect it by USB and put it into DFU mode: hold SETUP, tap RESET, and let go\n"
      "of SETUP when it blinks yellow. Then:\n\n");
  if (what.whole_file)
    fmt::print("  dfu-util -d 2b04:d006 -a 1 -s 2082 -D {}\n\n(a P1 is 2b04:d008)", file);
  else
    fmt::print("  particle keys server {} --host {} --port {}\n  particle keys address", file, host, port);
}

void explain_udp(const KeyExport& what, const std::string& file, const std::string& host, std::uint16_t port) {
  fmt::print(
      "To point an Argon, Boron, Tracker, Electron or P2 here, connect it by USB and put it into DFU mode: hold MODE,\n"
      "tap RESET, and let go of MODE when it blinks yellow. Then:\n\n");
  if (what.whole_file)
    fmt::print(
        "  dfu-util -d 2b04:d00d -a 1 -s 3298 -D {}\n\n(2b04:d00d is a Boron; Electron d00a, Argon d00c, B SoM d017, "
        "B5 SoM d019, Tracker d01a, P2 d020)",
        file);
  else
    fmt::print("  particle keys server {} --host {} --port {}\n  particle keys address", file, host, port);
  if (port != 5684) fmt::print("\n\nMind the port: these devices use 5684 whatever is written to them.");
}

}  // namespace

int keys_export(const Context& context, const KeyExport& what) {
  const auto folder = folder_of(context);
  require_access(folder);
  require_finished(folder);
  if (const auto made = folder.create(); !made) return print_error(made.error().message);
  const auto keys = state::load_or_create_server_keys(folder);
  if (!keys) return print_error(keys.error().message);
  const auto host = host_for_devices(what.host, context.configuration.address);
  if (!host) return print_error(host.error().message);
  state::Listening listening{context.configuration.tcp_port, context.configuration.udp_port};
  // Flags of the service's command line are in no file: where it runs, it knows best.
  if (const auto running = state::load_listening(folder); running && state::ServiceLock::is_taken(folder))
    listening = *running;
  const auto port = what.udp ? listening.udp_port : listening.tcp_port;
  const auto spki = what.udp ? keys->udp.public_key_spki() : keys->tcp.public_key_spki();
  const auto& layout = what.udp ? state::udp_key_file : state::tcp_key_file;
  const auto content = what.whole_file ? state::server_key_file(layout, spki, *host, port) : Result<Bytes>(spki);
  if (!content) return print_error(content.error().message);
  const auto output =
      !what.output.empty() ? what.output : std::filesystem::path(what.udp ? "drydock-udp.pub.der" : "drydock.pub.der");
  {
    const AsCaller caller;
    if (!what.force && std::filesystem::exists(output))
      return print_error(output.string() + " exists already; --force replaces it");
    // Nothing in it is secret, and under sudo it is for the user who types the next command.
    const auto written =
        firmware::write_file(std::filesystem::absolute(output), *content, firmware::Readers::everybody);
    if (!written) return print_error(written.error().message);
  }

  fmt::print("Wrote {} ({} bytes).\n\n", output.string(), content->size());
  if (what.udp)
    explain_udp(what, output.string(), *host, port);
  else
    explain_tcp(what, output.string(), *host, port);
  fmt::print("\n\nand tap RESET. To send it back to Particle's cloud one day: particle keys server\n");
  return 0;
}

}  // namespace drydock::cli
