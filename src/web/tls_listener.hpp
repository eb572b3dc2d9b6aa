// The page over TLS: takes a visitor's connection, and makes one to CivetWeb, which listens on loopback alone. Who
// comes without TLS is sent to it, or let through, as configured.
#pragma once

#include "crypto/tls.hpp"
#include "web/http.hpp"
#include "web/visitors.hpp"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>

namespace drydock::web {

class TlsListener {
public:
  enum class Plain { redirected, passed_on };
  struct Options {
    std::shared_ptr<const crypto::TlsServer> tls;
    Plain plain = Plain::redirected;
    std::vector<std::string> hosts = {};                    ///< to which who comes without is sent, besides addresses
    std::function<bool(const std::string&)> is_known = {};  ///< whether somebody has logged in from this address
    std::vector<std::string> trusted_proxies = {};          ///< whose X-Forwarded-Proto is believed
  };
  /// Listens at once. Throws std::system_error.
  TlsListener(
      asio::io_context& loop, const asio::ip::tcp::endpoint& at, std::shared_ptr<Visitors> visitors, Options options);
  ~TlsListener();

  std::uint16_t port() const;
  /// `behind`: CivetWeb's port on loopback. What runs goes on after this object is gone, until the loop ends.
  void start(std::uint16_t behind);

private:
  struct Shared;
  struct Connection;
  using Connected = std::shared_ptr<Connection>;
  static void take(const std::shared_ptr<Shared>& shared, asio::ip::tcp::socket socket);
  static std::function<void(std::exception_ptr)> ended(Connected connection);
  static asio::awaitable<void> accept(std::shared_ptr<Shared> shared);
  static asio::awaitable<void> serve(Connected connection);
  static asio::awaitable<bool> shake_hands(Connected connection);
  static asio::awaitable<bool> connect_behind(Connected connection);
  static asio::awaitable<std::string> read_head(Connected connection);
  static asio::awaitable<void> redirect(Connected connection);
  static asio::awaitable<void> pass_to_server(Connected connection);
  static asio::awaitable<void> pass_to_visitor(Connected connection);

  std::shared_ptr<Shared> shared_;
};

/// The value of a request's header, by its name in small letters; empty when it is not there.
std::string_view header_of(std::string_view head, std::string_view name);
/// The answer to a request that came without TLS: to where it would have been heard with it. `head`: its first lines;
/// `hosts`: see is_own_host().
std::string redirection(std::string_view head, const std::vector<std::string>& hosts);

}  // namespace drydock::web
