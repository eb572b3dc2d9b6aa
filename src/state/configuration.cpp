#include "state/configuration.hpp"

#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "firmware/files.hpp"
#include "store/postgresql_values.hpp"

#include <algorithm>
#include <array>
#include <asio/ip/address.hpp>
#include <asio/ip/network_v4.hpp>
#include <asio/ip/network_v6.hpp>
#include <cctype>
#include <fmt/core.h>
#include <functional>
#include <map>
#include <toml++/toml.h>

namespace drydock::state {
namespace {

constexpr std::size_t largest_file = 64 * 1024;

// One known option: how to take its value, and what to say when the value will not do.
struct Option {
  std::function<bool(const toml::node&, Configuration&)> take;
  const char* wants;
};

template <class Number>
bool take_number(const toml::node& node, Number& into, std::int64_t least, std::int64_t most) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value || *value < least || *value > most) return false;
  into = static_cast<Number>(*value);
  return true;
}

template <class Into>
bool take_text(const toml::node& node, Into& into) {
  const auto value = node.value_exact<std::string>();
  if (!value || value->empty()) return false;
  into = *value;
  return true;
}

bool take_flag(const toml::node& node, bool& into) {
  const auto value = node.value_exact<bool>();
  into = value.value_or(into);
  return value.has_value();
}

bool take_list(const toml::node& node, std::vector<std::string>& into) {
  const auto* array = node.as_array();
  if (array == nullptr) return false;
  std::vector<std::string> list;
  for (const auto& element : *array) {
    const auto text = element.value_exact<std::string>();
    if (!text || text->empty()) return false;
    list.push_back(*text);
  }
  into = std::move(list);
  return true;
}

// Beginnings of names: an empty one is that of all.
bool take_beginnings(const toml::node& node, std::vector<std::string>& into) {
  const auto* array = node.as_array();
  if (array == nullptr) return false;
  into.clear();
  for (const auto& element : *array) {
    const auto text = element.value_exact<std::string>();
    if (!text || text->find_first_of("#+*") != std::string::npos) return false;
    into.push_back(*text);
  }
  return true;
}

// As browsers say it: in lower case, without the dot at the end.
bool as_host_name(std::string& name) {
  std::transform(
      name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.ends_with('.')) name.pop_back();
  return !name.empty() && name.find_first_of("/: \t") == std::string::npos;
}

bool is_address(const std::string& text) {
  asio::error_code no_address;
  (void)asio::ip::make_address(text, no_address);
  return !no_address;
}

bool is_topic(const std::string& text) {
  constexpr std::size_t longest = 200;
  const bool printable = log::printable(text) == text;
  return printable && text.size() <= longest && text.find_first_of("+#") == std::string::npos &&
      !text.starts_with('/') && !text.ends_with('/') && !text.starts_with('$');
}

bool is_page_url(const std::string& text) {
  const auto scheme = text.find("://");
  const auto host = text.substr(scheme == std::string::npos ? text.size() : scheme + 3);
  return (text.starts_with("http://") || text.starts_with("https://")) && text.size() <= 500 && !host.empty() &&
      host[0] != '/' && host[0] != ':' &&
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '<'; });
}

bool is_network(const std::string& text) {
  asio::error_code no_network;
  if (text.find(':') == std::string::npos)
    (void)asio::ip::make_network_v4(text, no_network);
  else
    (void)asio::ip::make_network_v6(text, no_network);
  return !no_network;
}

template <class Word, class Parse>
bool take_word(const toml::node& node, Word& into, Parse parse) {
  const auto value = node.value_exact<std::string>();
  const auto word = value ? parse(*value) : std::nullopt;
  if (word) into = *word;
  return word.has_value();
}

const std::map<std::string, Option, std::less<>>& options() {
  static const std::map<std::string, Option, std::less<>> known{
      {"state.folder",
          {[](const toml::node& n, Configuration& c) { return take_text(n, c.state_folder); }, "a path in quotes"}},
      {"store.url",
          {[](const toml::node& n, Configuration& c) {
             return take_text(n, c.store_url) && store::is_postgresql_url(c.store_url);
           },
              "the address of a PostgreSQL, as \"postgresql://USER@HOST/DATABASE\""}},
      {"store.node",
          {[](const toml::node& n, Configuration& c) {
             const auto name = n.value<std::string>();
             if (name) c.node_name = *name;
             return name.has_value();
           },
              "a name in quotes"}},
      {"listen.address",
          {[](const toml::node& n, Configuration& c) { return take_text(n, c.address); }, "an IP address in quotes"}},
      {"listen.tcp_port",
          {[](const toml::node& n, Configuration& c) { return take_number(n, c.tcp_port, 0, 65535); },
              "a port number, 0 to 65535"}},
      {"listen.udp_port",
          {[](const toml::node& n, Configuration& c) { return take_number(n, c.udp_port, 0, 65535); },
              "a port number, 0 to 65535"}},
      {"listen.proxies",
          {[](const toml::node& n, Configuration& c) {
             return take_list(n, c.proxies) && std::all_of(c.proxies.begin(), c.proxies.end(), is_address);
           },
              "a list of IP addresses in quotes"}},
      {"listen.connections",
          {[](const toml::node& n, Configuration& c) {
             return take_number(n, c.connections, 1, limits::most_connections);
           },
              "a number, 1 to 100000"}},
      {"listen.connections_per_address",
          {[](const toml::node& n, Configuration& c) {
             return take_number(n, c.connections_per_address, 1, limits::most_connections);
           },
              "a number, 1 to 100000"}},
      {"devices.policy",
          {[](const toml::node& n, Configuration& c) { return take_word(n, c.policy, parse_policy); },
              "\"approve\", \"open\" or \"closed\""}},
      {"devices.new_per_minute",
          {[](const toml::node& n, Configuration& c) { return take_number(n, c.new_devices_per_minute, 1, 1'000'000); },
              "a number, 1 to 1000000"}},
      {"devices.away_days",
          {[](const toml::node& n, Configuration& c) { return take_number(n, c.away_days, 0, 3650); },
              "a number of days, 0 to 3650; 0: none is ever away"}},
      {"devices.away_minutes",
          {[](const toml::node& n, Configuration& c) { return take_number(n, c.away_minutes, 0, 100'000); },
              "a number of minutes, 0 to 100000; 0: nobody is told"}},
      {"updates.concurrent",
          {[](const toml::node& n, Configuration& c) { return take_number(n, c.concurrent_updates, 1, 10'000); },
              "a number, 1 to 10000"}},
      {"updates.fast",
          {[](const toml::node& n, Configuration& c) { return take_flag(n, c.fast_ota); }, "true or false"}},
      {"updates.stop_seconds",
          {[](const toml::node& n, Configuration& c) {
             int seconds = 0;
             const bool good = take_number(n, seconds, 0, 3600);
             if (good) c.stop_time = std::chrono::seconds(seconds);
             return good;
           },
              "a number, 0 to 3600"}},
      {"web.enabled",
          {[](const toml::node& n, Configuration& c) { return take_flag(n, c.web.enabled); }, "true or false"}},
      {"web.address",
          {[](const toml::node& n, Configuration& c) { return take_text(n, c.web.address); },
              "an IP address in quotes"}},
      {"web.port",
          {[](const toml::node& n, Configuration& c) { return take_number(n, c.web.port, 0, 65535); },
              "a port number, 0 to 65535"}},
      {"web.api_port",
          {[](const toml::node& n, Configuration& c) { return take_number(n, c.web.api_port, 0, 65535); },
              "a port number, 1 to 65535, or 0 for none"}},
      {"web.tls",
          {[](const toml::node& n, Configuration& c) { return take_word(n, c.web.given_tls, parse_tls); },
              "\"off\", \"redirect\" or \"both\""}},
      {"web.certificate",
          {[](const toml::node& n, Configuration& c) { return take_text(n, c.web.certificate); }, "a path in quotes"}},
      {"web.hosts",
          {[](const toml::node& n, Configuration& c) {
             return take_list(n, c.web.hosts) && std::all_of(c.web.hosts.begin(), c.web.hosts.end(), as_host_name);
           },
              "a list of names in quotes, without http:// and port"}},
      {"web.trusted_proxies",
          {[](const toml::node& n, Configuration& c) {
             return take_list(n, c.web.trusted_proxies) &&
                 std::all_of(c.web.trusted_proxies.begin(), c.web.trusted_proxies.end(), is_address);
           },
              "a list of IP addresses in quotes"}},
      {"web.url",
          {[](const toml::node& n, Configuration& c) {
             const auto url = n.value<std::string>();
             if (!url || (!url->empty() && !is_page_url(*url))) return false;
             c.web.url = url->substr(0, url->find_last_not_of('/') + 1);
             while (c.web.url.ends_with('/')) c.web.url.pop_back();
             return true;
           },
              "an address that begins with http:// or https://, as \"https://drydock.example.org\""}},
      {"web.guests",
          {[](const toml::node& n, Configuration& c) { return take_flag(n, c.web.guests); }, "true or false"}},
      {"integrations.private_networks",
          {[](const toml::node& n, Configuration& c) {
             auto& networks = c.integrations.private_networks;
             return take_list(n, networks) && std::all_of(networks.begin(), networks.end(), is_network);
           },
              "a list of networks in quotes, as \"192.168.1.0/24\""}},
      {"integrations.retry_seconds",
          {[](const toml::node& n, Configuration& c) {
             int seconds = 0;
             const bool good = take_number(n, seconds, 1, 3600);
             if (good) c.integrations.retry = std::chrono::seconds(seconds);
             return good;
           },
              "a number, 1 to 3600"}},
      {"mqtt.host",
          {[](const toml::node& n, Configuration& c) {
             const auto& host = c.mqtt.host;
             return take_text(n, c.mqtt.host) && host.find_first_of("/ @") == std::string::npos &&
                 std::count(host.begin(), host.end(), ':') != 1;
           },
              "the name or address of a broker in quotes, without mqtt:// and port (mqtt.port is one)"}},
      {"mqtt.port",
          {[](const toml::node& n, Configuration& c) { return take_number(n, c.mqtt.port, 0, 65535); },
              "a port number, or 0 for 1883 (8883 over TLS)"}},
      {"mqtt.tls", {[](const toml::node& n, Configuration& c) { return take_flag(n, c.mqtt.tls); }, "true or false"}},
      {"mqtt.ca", {[](const toml::node& n, Configuration& c) { return take_text(n, c.mqtt.ca); }, "a path in quotes"}},
      {"mqtt.user",
          {[](const toml::node& n, Configuration& c) { return take_text(n, c.mqtt.user); }, "a name in quotes"}},
      {"mqtt.password_file",
          {[](const toml::node& n, Configuration& c) { return take_text(n, c.mqtt.password_file); },
              "a path in quotes"}},
      {"mqtt.topic",
          {[](const toml::node& n, Configuration& c) { return take_text(n, c.mqtt.topic) && is_topic(c.mqtt.topic); },
              "the beginning of topics in quotes, without + and #"}},
      {"mqtt.discovery",
          {[](const toml::node& n, Configuration& c) {
             const auto text = n.value_exact<std::string>();
             c.mqtt.discovery = text.value_or("");
             return text && (text->empty() || is_topic(*text));
           },
              "the beginning of topics in quotes, without + and #, or \"\""}},
      {"mqtt.devices",
          {[](const toml::node& n, Configuration& c) { return take_flag(n, c.mqtt.devices); }, "true or false"}},
      {"mqtt.commands",
          {[](const toml::node& n, Configuration& c) { return take_flag(n, c.mqtt.commands); }, "true or false"}},
      {"mqtt.events",
          {[](const toml::node& n, Configuration& c) { return take_beginnings(n, c.mqtt.events); },
              "a list of beginnings of names in quotes, without # + and *; \"\" is all"}},
      {"mqtt.publish",
          {[](const toml::node& n, Configuration& c) { return take_beginnings(n, c.mqtt.publish); },
              "a list of beginnings of names in quotes, without # + and *; \"\" is all"}},
      {"log.level",
          {[](const toml::node& n, Configuration& c) { return take_word(n, c.log_level, parse_log_level); },
              "\"error\", \"warning\", \"notice\", \"info\" or \"debug\""}},
  };
  return known;
}

std::string place(std::string_view name, const toml::source_region& source) {
  return fmt::format("{}, line {}", name, source.begin.line);
}

Result<void> read_table(
    const toml::table& table, const std::string& prefix, std::string_view name, Configuration& into) {
  for (const auto& [key, node] : table) {
    const auto full = prefix + std::string(key.str());
    if (const auto* inner = node.as_table(); inner != nullptr && prefix.empty()) {
      if (auto read = read_table(*inner, full + ".", name, into); !read) return read;
      continue;
    }
    const auto option = options().find(full);
    if (option == options().end())
      return failure(
          ErrorKind::malformed, fmt::format("{}: there is no option '{}'", place(name, node.source()), full));
    if (!option->second.take(node, into))
      return failure(ErrorKind::malformed,
          fmt::format("{}: '{}' must be {}", place(name, node.source()), full, option->second.wants));
  }
  return {};
}

}  // namespace

std::optional<Policy> parse_policy(std::string_view word) {
  if (word == "approve") return Policy::approve;
  if (word == "open") return Policy::open;
  if (word == "closed") return Policy::closed;
  return std::nullopt;
}

std::optional<Configuration::Web::Tls> parse_tls(std::string_view word) {
  if (word == "off") return Configuration::Web::Tls::off;
  if (word == "redirect") return Configuration::Web::Tls::redirect;
  if (word == "both") return Configuration::Web::Tls::both;
  return std::nullopt;
}
std::optional<log::Level> parse_log_level(std::string_view word) {
  if (word == "error") return log::Level::error;
  if (word == "warning") return log::Level::warning;
  if (word == "notice") return log::Level::notice;
  if (word == "info") return log::Level::info;
  if (word == "debug") return log::Level::debug;
  return std::nullopt;
}

Result<Configuration> parse_configuration(std::string_view text, std::string_view name) {
  try {
    const toml::table table = toml::parse(text);
    Configuration configuration;
    if (auto read = read_table(table, "", name, configuration); !read) return tl::unexpected(read.error());
    return configuration;
  } catch (const toml::parse_error& e) {
    return failure(ErrorKind::malformed, fmt::format("{}: {}", place(name, e.source()), e.description()));
  }
}

Result<Configuration> load_configuration(const std::filesystem::path& file) {
  const auto content = firmware::read_file(file, largest_file);
  if (!content) return tl::unexpected(content.error());
  return parse_configuration(text_of(*content), file.string());
}

}  // namespace drydock::state
