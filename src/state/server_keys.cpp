#include "state/server_keys.hpp"

#include "store/access.hpp"
#include "store/postgresql_values.hpp"

#include "crypto/hash.hpp"
#include "firmware/files.hpp"
#include "store/database.hpp"

#include <algorithm>
#include <asio/ip/address_v4.hpp>
#include <fmt/core.h>

namespace drydock::state {
namespace {

constexpr int key_bits = 2048;
constexpr std::size_t largest_key_file = 16 * 1024;

Result<Bytes> read_key(const StateFolder& folder, const std::filesystem::path& file) {
  auto content = firmware::read_file(file, largest_key_file);
  if (!content && content.error().kind == ErrorKind::not_found)
    return failure(ErrorKind::not_found, fmt::format("there is no server key yet in {}", folder.root.string()));
  return content;
}

Result<void> write_key(const std::filesystem::path& file, const std::string& pem) {
  if (std::filesystem::exists(file))
    return failure(ErrorKind::conflict, fmt::format("{} exists already and is never replaced", file.string()));
  return firmware::write_file(file, view_of(pem));
}

std::filesystem::path beginning_of(const std::filesystem::path& file) {
  return file.string() + ".new";
}

constexpr const char* keys_setting = "server_keys";

bool belongs_to_keys(const StateFolder& folder) {
  try {
    auto db = store::Database::open(folder.location(), store::Access::read_only, store::Moved::allow);
    return store::load_setting(db, keys_setting).has_value();
  } catch (const store::Unavailable&) {
    throw;
  } catch (const store::StoreError&) {
    return false;  // without tables of ours
  }
}

// Both or none: they are written whole under other names first. A first start that was killed between two renames is
// gone on with.
Result<void> create_both(const StateFolder& folder) {
  const bool begun = std::filesystem::exists(beginning_of(folder.server_key()));
  if (!begun) {
    const auto udp = crypto::EcPrivateKey::generate();
    const auto tcp = crypto::RsaPrivateKey::generate(key_bits);
    if (auto written = firmware::write_file(beginning_of(folder.udp_server_key()), view_of(udp.to_pem())); !written)
      return written;
    if (auto written = firmware::write_file(beginning_of(folder.server_key()), view_of(tcp.to_pem())); !written)
      return written;
  }
  for (const auto& file : {folder.udp_server_key(), folder.server_key()}) {
    std::error_code error;
    if (std::filesystem::exists(beginning_of(file))) std::filesystem::rename(beginning_of(file), file, error);
    if (error)
      return failure(ErrorKind::storage, fmt::format("{} cannot be written: {}", file.string(), error.message()));
  }
  firmware::sync(folder.root);
  return {};
}

std::string names_of(const ServerKeys& keys) {
  return fingerprint(keys.tcp.public_key_spki()) + ", " + fingerprint(keys.udp.public_key_spki());
}

}  // namespace

Result<crypto::RsaPrivateKey> load_server_key(const StateFolder& folder) {
  const auto content = read_key(folder, folder.server_key());
  if (!content) return tl::unexpected(content.error());
  auto key = crypto::RsaPrivateKey::parse(*content);
  if (!key || key->size() != key_bits / 8)
    return failure(ErrorKind::malformed,
        fmt::format("{} is not an RSA key of {} bits. It was left as it is: restore it from a backup, for devices know "
                    "this server by it",
            folder.server_key().string(), key_bits));
  return key;
}

Result<crypto::RsaPrivateKey> create_server_key(const StateFolder& folder) {
  auto key = crypto::RsaPrivateKey::generate(key_bits);
  if (auto written = write_key(folder.server_key(), key.to_pem()); !written) return tl::unexpected(written.error());
  return key;
}

Result<crypto::EcPrivateKey> load_udp_server_key(const StateFolder& folder) {
  const auto content = read_key(folder, folder.udp_server_key());
  if (!content) return tl::unexpected(content.error());
  auto key = crypto::EcPrivateKey::parse(*content);
  if (!key)
    return failure(ErrorKind::malformed,
        fmt::format(
            "{} is not a P-256 key. It was left as it is: restore it from a backup, for devices know this server by it",
            folder.udp_server_key().string()));
  return key;
}

Result<crypto::EcPrivateKey> create_udp_server_key(const StateFolder& folder) {
  auto key = crypto::EcPrivateKey::generate();
  if (auto written = write_key(folder.udp_server_key(), key.to_pem()); !written) return tl::unexpected(written.error());
  return key;
}

Result<ServerKeys> load_server_keys(const StateFolder& folder) {
  auto tcp = load_server_key(folder);
  if (!tcp) return tl::unexpected(tcp.error());
  auto udp = load_udp_server_key(folder);
  if (!udp) return tl::unexpected(udp.error());
  return ServerKeys{std::move(*tcp), std::move(*udp)};
}

Result<ServerKeys> load_or_create_server_keys(const StateFolder& folder) {
  constexpr int first_schema_with_udp = 3;
  auto tcp = load_server_key(folder);
  auto udp = load_udp_server_key(folder);
  const auto missing = [](const auto& key) { return !key && key.error().kind == ErrorKind::not_found; };
  const bool begun = std::filesystem::exists(beginning_of(folder.server_key()));
  if (missing(tcp) && (begun || (missing(udp) && trace_of_use(folder).empty()))) {
    if (auto created = create_both(folder); !created) return tl::unexpected(created.error());
    tcp = load_server_key(folder);
    udp = load_udp_server_key(folder);
  }
  // From before there were UDP devices.
  if (tcp && missing(udp) && std::filesystem::exists(folder.database()) &&
      store::schema_version(folder.database()) < first_schema_with_udp)
    udp = create_udp_server_key(folder);
  for (const auto& [lost, file] :
      {std::pair(missing(tcp), folder.server_key()), std::pair(missing(udp), folder.udp_server_key())})
    if (lost)
      return failure(ErrorKind::conflict,
          fmt::format("{} is missing, and {} shows that there was one, by which devices know this server. Restore it "
                      "from a backup; if it is lost for good, 'drydock keys create{}' makes "
                      "another, which every device must then be told",
              file.string(), trace_of_use(folder), folder.store_url.empty() ? "" : " --lost"));
  if (!tcp) return tl::unexpected(tcp.error());
  if (!udp) return tl::unexpected(udp.error());
  return ServerKeys{std::move(*tcp), std::move(*udp)};
}

Result<void> refuse_other_keys(store::Database& db, const ServerKeys& keys) {
  const auto known = store::load_setting(db, keys_setting);
  if (!known || *known == names_of(keys)) return {};
  return failure(ErrorKind::conflict,
      "the keys in the state folder are not those by which the devices in this database know their server: copy "
      "server_key.pem and server_key_udp.pem from where it was used before, or restore a backup. If those are lost for "
      "good, 'drydock keys create --lost' makes these the right ones, which every device must then be told");
}

bool database_belongs_to_keys(store::Database& db) {
  return store::load_setting(db, keys_setting).has_value();
}

void adopt_keys(store::Database& db, const ServerKeys& keys) {
  store::save_setting(db, keys_setting, names_of(keys));
}

Result<void> require_same_keys(store::Database& db, const ServerKeys& keys) {
  if (auto same = refuse_other_keys(db, keys); !same) return same;
  if (!store::load_setting(db, keys_setting)) adopt_keys(db, keys);
  return {};
}

std::string trace_of_use(const StateFolder& folder) {
  if (!folder.store_url.empty() && belongs_to_keys(folder)) return "the database " + store::shown_url(folder.store_url);
  if (std::filesystem::exists(folder.database())) return folder.database().string();
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder.firmware(), error), end; !error && entry != end;
       entry.increment(error))
    if (entry->path().extension() == ".bin") return entry->path().string();
  for (const auto& key : {folder.server_key(), folder.udp_server_key()})
    if (std::filesystem::exists(key)) return key.string();
  return "";
}

std::string fingerprint(ByteView spki) {
  const auto hex = to_hex(crypto::sha256(spki));
  std::string grouped;
  for (std::size_t i = 0; i < 32; i += 4) {
    if (i != 0) grouped += ' ';
    grouped += hex.substr(i, 4);
  }
  return grouped;
}

std::string short_fingerprint(ByteView spki) {
  return to_hex(crypto::sha256(spki)).substr(0, 16);
}

Result<Bytes> server_key_file(
    const KeyFileLayout& layout, ByteView spki, const std::string& host, std::optional<std::uint16_t> port) {
  constexpr std::uint8_t type_ipv4 = 0;
  constexpr std::uint8_t type_name = 1;
  constexpr std::size_t longest_name = 63;

  Bytes file(layout.size, 0xff);
  std::copy(spki.begin(), spki.end(), file.begin());
  asio::error_code not_an_address;
  const auto ip = asio::ip::make_address_v4(host, not_an_address);
  Bytes address;
  if (!not_an_address) {
    address = {type_ipv4, 4};
    append(address, ip.to_bytes());
  } else {
    if (host.empty() || host.size() > longest_name)
      return failure(ErrorKind::malformed, fmt::format("a host name must have 1 to {} characters", longest_name));
    const auto in_a_name = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
          c == '_';
    };
    if (!std::all_of(host.begin(), host.end(), in_a_name) || host.front() == '-' || host.front() == '.')
      return failure(
          ErrorKind::malformed, "devices are told an IPv4 address, or a host name of letters, digits, '-' and '.'");
    address = {type_name, static_cast<std::uint8_t>(host.size())};
    append(address, view_of(host));
  }
  std::copy(address.begin(), address.end(), file.begin() + static_cast<std::ptrdiff_t>(layout.address_at));
  if (port) {
    file[layout.port_at] = static_cast<std::uint8_t>(*port >> 8);
    file[layout.port_at + 1] = static_cast<std::uint8_t>(*port);
  }
  return file;
}

}  // namespace drydock::state
