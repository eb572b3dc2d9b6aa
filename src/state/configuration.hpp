// The configuration file (TOML). Command line flags lie over it.
#pragma once

#include "base/log.hpp"
#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace drydock::state {

/// What happens to a device that was never seen before.
enum class Policy {
  approve,  ///< it may connect and is shown, and waits until a person approves it
  open,     ///< it is approved at once
  closed,   ///< it is rejected
};

struct Configuration {
  std::filesystem::path state_folder = "/var/lib/drydock";
  std::vector<std::string> proxies;  ///< addresses of load balancers that send the PROXY protocol
  std::string node_name;             ///< of this machine among those that share a PostgreSQL; empty: its host name
  std::string store_url;             ///< of a PostgreSQL; empty: SQLite, in the state folder
  std::string address = "0.0.0.0";
  std::uint16_t tcp_port = 5683;
  std::uint16_t udp_port = 5684;                ///< devices from 1.1 on use no other (PROTOCOL §3.1)
  std::size_t connections = 10'000;             ///< over TCP, and as many sessions over UDP
  std::size_t connections_per_address = 4'000;  ///< over TCP; a whole site may stand behind one address
  Policy policy = Policy::approve;
  int new_devices_per_minute = 30;  ///< never seen before, from one address, after the first 256
  int away_days = 7;                ///< who was not seen for so long is away, which people are told; 0: nobody is
  int away_minutes = 10;            ///< who is away for so long is told of by an event; 0: nobody is
  int concurrent_updates = 8;       ///< devices that are sent a module at the same time
  bool fast_ota = true;
  std::chrono::seconds stop_time{30};  ///< for running transfers to finish when the service is stopped
  struct Web {
    bool enabled = true;
    std::string address;  ///< empty: as for devices
    std::uint16_t port = 8080;
    std::uint16_t api_port = 0;  ///< Particle's API alone; 0: it is at the page's port only
    /// Whether the page is served over TLS, and what becomes of who comes without.
    enum class Tls { off, redirect, both };
    std::optional<Tls> given_tls;
    Tls tls() const { return given_tls.value_or(certificate.empty() ? Tls::off : Tls::redirect); }
    std::filesystem::path certificate;         ///< PEM, certificate and key; empty: one of its own
    std::vector<std::string> hosts;            ///< further names under which the page is reached
    std::vector<std::string> trusted_proxies;  ///< addresses of reverse proxies, whose X-Forwarded-For is believed
    std::string url;      ///< where people reach it, without a / at the end; empty: links are not made
    bool guests = false;  ///< the fleet may be looked at without logging in
  };
  Web web = {};
  struct Integrations {
    std::vector<std::string> private_networks;  ///< that webhooks, e-mail and ntfy may go to, as "192.168.1.0/24"
    std::chrono::seconds retry{5};              ///< before the second try; before each further one twice as long
  };
  Integrations integrations = {};
  struct Mqtt {
    std::string host;        ///< of the broker; empty: none
    std::uint16_t port = 0;  ///< 0: 1883, or 8883 over TLS
    bool tls = false;
    std::filesystem::path ca;  ///< PEM of who signed the broker's certificate; empty: who the system trusts
    std::string user;
    std::filesystem::path password_file;
    std::string topic = "drydock";            ///< what all topics begin with
    std::string discovery = "homeassistant";  ///< what Home Assistant's topics begin with; empty: it is not told
    bool devices = true;                      ///< each device is one in Home Assistant, and not the fleet alone
    bool commands = false;                    ///< updates may be begun and paused by topics
    std::vector<std::string> events;          ///< how names of events begin that devices' are topics of
    std::vector<std::string> publish;         ///< likewise, of events that come by topics to devices
  };
  Mqtt mqtt = {};
  log::Level log_level = log::Level::info;
};

/// ErrorKind::not_found when there is no such file; ErrorKind::malformed, with the line, for anything it does not know.
Result<Configuration> load_configuration(const std::filesystem::path& file);
/// The same from text; `name` is for messages.
Result<Configuration> parse_configuration(std::string_view text, std::string_view name);

std::optional<Policy> parse_policy(std::string_view word);
std::optional<Configuration::Web::Tls> parse_tls(std::string_view word);
std::optional<log::Level> parse_log_level(std::string_view word);

/// Every option with its default, commented: what `drydock config default` prints.
std::string default_configuration_text();

}  // namespace drydock::state
