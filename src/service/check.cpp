#include "service/check.hpp"

#include "state/module_fetch.hpp"
#include "state/state_replacement.hpp"
#include "state/store_move.hpp"
#include "crypto/tls.hpp"
#include "state/page_certificate.hpp"
#include "state/server_keys.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "firmware/files.hpp"
#include "store/access.hpp"
#include "store/copy.hpp"
#include "store/integrations.hpp"
#include "store/modules.hpp"
#include "store/postgresql_values.hpp"

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#include <fmt/core.h>
#include <pwd.h>
#include <sys/stat.h>

namespace drydock::service {
namespace {

class Report {
public:
  void good(const std::string& what, const std::string& words) { lines.push_back({Verdict::good, what, words}); }
  void bad(const std::string& what, const std::string& words) { lines.push_back({Verdict::problem, what, words}); }
  void later(const std::string& what, const std::string& words) { lines.push_back({Verdict::later, what, words}); }

  std::vector<CheckLine> lines;
};

std::optional<struct stat> status_of(const std::filesystem::path& file) {
  struct stat found {};
  return ::stat(file.c_str(), &found) == 0 ? std::optional(found) : std::nullopt;
}

// What makes a file one that the service, whose the state folder is, may read and nobody else. Empty: it is.
std::string to_be_its_own(const std::filesystem::path& file, const state::StateFolder& folder) {
  const auto of_file = status_of(file);
  const auto of_folder = status_of(folder.root);
  if (!of_file || !of_folder) return "";
  const bool may_all = (of_file->st_mode & 077) != 0;
  const bool another = of_file->st_uid != of_folder->st_uid;
  if (!may_all && !another) return "";
  const auto* owner = another ? ::getpwuid(of_folder->st_uid) : nullptr;
  return fmt::format("{} {}: '{}sudo chmod 600 {}'", file.string(),
      may_all ? "may be read by others" : "cannot be read by the service",
      owner == nullptr ? "" : fmt::format("sudo chown {} {} && ", owner->pw_name, file.string()), file.string());
}

bool others_may(const std::filesystem::path& file) {
  const auto found = status_of(file);
  return found && (found->st_mode & 077) != 0;
}

void check_folder(Report& report, const state::StateFolder& folder) {
  const auto root = folder.root.string();
  if (others_may(folder.root))
    return report.bad(
        "state folder", fmt::format("{} holds keys and may be entered by others: 'sudo chmod 700 {}'", root, root));
  std::error_code error;
  const auto space = std::filesystem::space(folder.root, error);
  constexpr std::uintmax_t little = 50 * 1024 * 1024;
  if (!error && space.available < little)
    return report.bad(
        "state folder", fmt::format("only {} MB are left on the disk of {}: free some", space.available >> 20, root));
  report.good("state folder", fmt::format("{}, {} MB left on its disk", root, error ? 0 : space.available >> 20));
}

template <class Key>
void check_key(
    Report& report, const std::string& what, const Result<Key>& key, const std::filesystem::path& file, bool used) {
  if (!key && key.error().kind == ErrorKind::not_found && used)
    return report.bad(what,
        file.string() +
            " is missing: restore it from a backup, for devices know this server by it. If it is lost for good, "
            "'drydock keys create' makes another, which every device must then be told");
  if (!key && key.error().kind == ErrorKind::not_found)
    return report.later(
        what, file.string() + " is not there: 'drydock keys create' makes it, and so does the first start");
  if (!key) return report.bad(what, key.error().message);
  if (others_may(file))
    return report.bad(what, fmt::format("{} may be read by others: 'sudo chmod 600 {}'", file.string(), file.string()));
  report.good(what, state::fingerprint(key->public_key_spki()));
}

void check_database(Report& report, const state::StateFolder& folder) {
  auto db = store::Database::open(folder.location(), store::Access::read_only);
  const auto where = folder.store_url.empty() ? folder.database().string() : store::shown_url(folder.store_url);
  if (const auto words = db.integrity(); words != "ok")
    return report.bad(
        "database", fmt::format("{} is damaged: {}. Restore a backup with 'drydock restore'", where, words));
  if (db.engine() == store::Engine::postgresql) {
    auto writing = store::Database::open(folder.location(), store::Access::read_write);
    if (const auto fault = store::fault_of(writing); !fault.empty())
      return report.bad("database",
          fmt::format("{}: {}. Mend that there; or make an empty database, name it as 'url' and restore a backup",
              where, fault));
    if (const auto keys = state::load_server_keys(folder))
      if (const auto same = state::refuse_other_keys(db, *keys); !same)
        return report.bad("database", fmt::format("{}: {}", where, same.error().message));
    if (const auto nothing = state::require_nothing_left_behind(folder, db); !nothing)
      return report.bad("database", nothing.error().message);
  }
  report.good("database", where);
  const firmware::ModuleFiles files(folder.firmware(), state::module_fetch(folder));
  const auto library = store::load_library(db);
  int damaged = 0;
  for (const auto* module : library.all()) {
    if (const auto content = files.load(module->sha256)) continue;
    ++damaged;
    report.bad("firmware",
        fmt::format("{} ({}) is missing or damaged on disk: add it again with 'drydock firmware add'",
            module->file_name, module->title()));
  }
  if (damaged == 0)
    report.good("firmware", fmt::format("{} module file{}, all whole", library.size(), library.size() == 1 ? "" : "s"));
}

template <class Protocol, class Socket>
void check_port(
    Report& report, const std::string& what, const std::string& address, std::uint16_t port, const char* option) {
  asio::io_context loop;
  asio::error_code error;
  const auto at = asio::ip::make_address(address, error);
  if (error)
    return report.bad(what, fmt::format("'{}' is no IP address: see {} in the configuration", address, option));
  const typename Protocol::endpoint endpoint(at, port);
  Socket socket(loop);
  socket.open(endpoint.protocol(), error);
  if (!error && std::is_same_v<Protocol, asio::ip::tcp>)
    socket.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) socket.bind(endpoint, error);
  if (error)
    report.bad(what,
        fmt::format(
            "{} port {} cannot be used: {}. Stop what uses it, or choose another port with {} in the configuration",
            address, port, error.message(), option));
  else
    report.good(what, fmt::format("{} port {} is free", address, port));
}

void check_ports(Report& report, const state::Configuration& c) {
  check_port<asio::ip::tcp, asio::ip::tcp::acceptor>(report, "TCP devices", c.address, c.tcp_port, "listen.tcp_port");
  check_port<asio::ip::udp, asio::ip::udp::socket>(report, "UDP devices", c.address, c.udp_port, "listen.udp_port");
  if (!c.web.enabled) return;
  const auto& address = c.web.address.empty() ? c.address : c.web.address;
  check_port<asio::ip::tcp, asio::ip::tcp::acceptor>(report, "page", address, c.web.port, "web.port");
  if (c.web.api_port != 0)
    check_port<asio::ip::tcp, asio::ip::tcp::acceptor>(report, "API", address, c.web.api_port, "web.api_port");
}

void check_certificate(Report& report, const state::StateFolder& folder, const state::Configuration& c) {
  if (!c.web.enabled || c.web.tls() == state::Configuration::Web::Tls::off) return;
  const auto certificate = state::load_page_certificate(folder, c);
  if (!certificate && certificate.error().kind == ErrorKind::not_found && c.web.certificate.empty())
    return report.later("certificate", "the first start of 'drydock serve' makes one for the page");
  if (!certificate) return report.bad("certificate", certificate.error().message);
  if (const auto usable = crypto::TlsServer::create(certificate->pem); !usable)
    return report.bad("certificate", fmt::format("{}: {}", certificate->file.string(), usable.error().message));
  report.good("certificate", fmt::format("{}, SHA-256 {}", certificate->file.string(), certificate->fingerprint));
}

// A connection of this one's would be one more client: whether it is reached says the service, if it runs.
void check_broker(
    Report& report, const state::Configuration::Mqtt& mqtt, const state::StateFolder& folder, bool running) {
  if (mqtt.host.empty()) return;
  constexpr std::size_t largest = 1024 * 1024;
  std::error_code none;
  if (!mqtt.password_file.empty() && std::filesystem::exists(mqtt.password_file, none))
    if (const auto words = to_be_its_own(mqtt.password_file, folder); !words.empty())
      return report.bad("broker", words);
  for (const auto& [option, file] :
      {std::pair("mqtt.password_file", &mqtt.password_file), std::pair("mqtt.ca", &mqtt.ca)}) {
    if (file->empty()) continue;
    if (const auto content = firmware::read_file(*file, largest); !content)
      return report.bad("broker", fmt::format("{}: {}", option, content.error().message));
  }
  if (!mqtt.ca.empty() && !mqtt.tls)
    return report.bad("broker", "mqtt.ca is given, and mqtt.tls is not true: nothing would be encrypted");
  if (!mqtt.password_file.empty() && std::filesystem::file_size(mqtt.password_file) == 0)
    return report.bad("broker", fmt::format("{} is empty", mqtt.password_file.string()));
  if (!running)
    return report.good("broker", mqtt.host + " (whether it is reached, 'drydock status' says while it runs)");
  try {
    auto db = store::Database::open(folder.location(), store::Access::read_only);
    const auto why =
        store::load_setting(db, store::broker_problem_setting).value_or("the service must be restarted first");
    if (!why.empty()) return report.bad("broker", fmt::format("{} is not reached: {}", mqtt.host, why));
  } catch (const store::StoreError&) {
    return;  // has a line of its own
  }
  report.good("broker", mqtt.host + " is reached");
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::good: return "good";
    case Verdict::problem: return "problem";
    case Verdict::later: break;
  }
  return "later";
}

std::vector<CheckLine> check(const state::StateFolder& folder, const state::Configuration& configuration) {
  Report report;
  if (!std::filesystem::exists(folder.root)) {
    report.later("state folder",
        fmt::format("{} is not there yet: the first start of 'drydock serve' makes it", folder.root.string()));
  } else {
    check_folder(report, folder);
    if (const auto finished = state::state_replacement::require_finished(folder); !finished)
      report.bad("restore", finished.error().message);
    try {
      const bool used = folder.exists() || !state::trace_of_use(folder).empty();
      check_key(report, "key for TCP", state::load_server_key(folder), folder.server_key(), used);
      check_key(report, "key for UDP", state::load_udp_server_key(folder), folder.udp_server_key(), used);
      if (folder.exists() || !folder.store_url.empty())
        check_database(report, folder);
      else
        report.later("database",
            fmt::format(
                "{} is not there yet: the first start of 'drydock serve' makes it", folder.database().string()));
    } catch (const store::StoreError& e) {
      report.bad("database", e.what());
    }
  }
  check_certificate(report, folder, configuration);
  const bool running = std::filesystem::exists(folder.lock()) && state::ServiceLock::is_taken(folder);
  check_broker(report, configuration.mqtt, folder, running);
  if (running)
    report.good("ports", "Drydock is running and has them");
  else
    check_ports(report, configuration);
  return std::move(report.lines);
}

}  // namespace drydock::service
