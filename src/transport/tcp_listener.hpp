// Accepts TCP connections within limits and hands each on as a byte stream.
#pragma once

#include "base/result.hpp"
#include "transport/byte_stream.hpp"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace drydock::transport {

class TcpListener {
public:
  using Accept = std::function<void(std::shared_ptr<ByteStream>)>;

  /// Somebody was not let in, for this reason. Called for each.
  using OnRejected = std::function<void(const Error& why, const std::string& peer)>;

  /// Whether a device was there before: such an address finds a place when unknown devices have taken theirs.
  using IsKnownAddress = std::function<bool(const std::string& peer)>;

  /// How many connections there may be at a time.
  struct Most {
    std::size_t in_all = 10'000;
    std::size_t per_address = 4'000;
  };

  /// Addresses of load balancers: their connections begin with a PROXY header (proxy_protocol.hpp), and count as those
  /// of whoever it names.
  using Proxies = std::vector<asio::ip::address>;

  /// Binds at once; throws std::system_error when the port is taken or may not be used.
  TcpListener(asio::io_context& loop, asio::ip::tcp::endpoint at, Most most, Accept accept,
      OnRejected connection_rejected, IsKnownAddress is_known_address, Proxies proxies = {});
  ~TcpListener();

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void start();
  void stop();

private:
  struct Counted;
  struct ConnectionCounts {
    std::map<asio::ip::address, std::size_t> by_address;
    std::size_t total = 0;
  };

  asio::awaitable<void> run();
  /// Reads what a balancer says in front of a connection.
  asio::awaitable<void> take_from_proxy(asio::ip::tcp::socket socket);
  void take(asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& from);

  asio::io_context& loop_;
  asio::ip::tcp::acceptor acceptor_;
  Most most_;
  Accept accept_;
  OnRejected on_rejected_;
  IsKnownAddress is_known_address_;
  Proxies proxies_;
  std::shared_ptr<ConnectionCounts> counts_;
};

}  // namespace drydock::transport
