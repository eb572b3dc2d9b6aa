// Where visitors of the page come in: takes a connection, and makes one to CivetWeb, which listens on loopback alone,
// and runs while somebody is there. With TLS or without; who comes without is sent to it, or let through, as
// configured.
#pragma once

#include "crypto/tls.hpp"
#include "web/http.hpp"
#include "web/visitors.hpp"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>

namespace drydock::web {

class PageFrontend {
public:
  enum class Plain { redirected, passed_on };
  struct Options {
    std::shared_ptr<const crypto::TlsServer> tls = {};  ///< nothing: without
    Plain plain = Plain::redirected;
    std::vector<std::string> hosts = {};                    ///< to which who comes without is sent, besides addresses
    std::function<bool(const std::string&)> is_known = {};  ///< whether somebody has logged in from this address
    std::vector<std::string> trusted_proxies = {};          ///< whose X-Forwarded-Proto is believed
  };
  /// Listens at once. Throws std::system_error.
  PageFrontend(
      asio::io_context& loop, const asio::ip::tcp::endpoint& at, std::shared_ptr<Visitors> visitors, Options options);
  ~PageFrontend();

  std::uint16_t port() const;
  /// `behind` gives CivetWeb's port on loopback, for each visitor anew; 0: there is none. Asked on the loop. What runs
  /// goes on after this object is gone, until the loop ends.
  void start(std::function<std::uint16_t()> behind);
  /// Visitors. On the loop.
  int connections() const;

private:
  struct Shared;
  struct Connection;
  using Connected = std::shared_ptr<Connection>;
  static void take(const std::shared_ptr<Shared>& shared, asio::ip::tcp::socket socket);
  static std::function<void(std::exception_ptr)> ended(Connected connection);
  static asio::awaitable<void> accept(std::shared_ptr<Shared> shared);
  static asio::awaitable<void> serve(Connected connection);
  static asio::awaitable<bool> speak_tls(Connected connection);
  static asio::awaitable<bool> shake_hands(Connected connection);
  static asio::awaitable<bool> connect_behind(Connected connection);
  static asio::awaitable<std::string> read_head(Connected connection);
  static asio::awaitable<void> redirect(Connected connection);
  static asio::awaitable<std::optional<Bytes>> read_some(asio::ip::tcp::socket& socket);
  static asio::awaitable<bool> pass_decrypted(Connected connection, ByteView received, bool& wanted);
  static asio::awaitable<void> pass_to_server(Connected connection);
  static asio::awaitable<void> pass_to_visitor(Connected connection);

  std::shared_ptr<Shared> shared_;
};

}  // namespace drydock::web
