#include "transport/tcp_listener.hpp"

#include "base/asio_tokens.hpp"
#include "base/clock.hpp"
#include "base/deadline_timer.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/plain_address.hpp"
#include "transport/proxy_protocol.hpp"
#include "transport/tcp_stream.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/read.hpp>
#include <fmt/core.h>

namespace drydock::transport {

// Counts itself among its address's connections for as long as it lives.
struct TcpListener::Counted {
  Counted(std::shared_ptr<ConnectionCounts> c, const asio::ip::tcp::endpoint& from, asio::ip::tcp::socket socket)
      : counts(std::move(c)), address(from.address()), stream(std::move(socket), from) {
    ++counts->by_address[address];
    ++counts->total;
  }
  ~Counted() {
    --counts->total;
    if (--counts->by_address[address] == 0) counts->by_address.erase(address);
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  std::shared_ptr<ConnectionCounts> counts;
  asio::ip::address address;
  TcpStream stream;
};

TcpListener::TcpListener(asio::io_context& loop, asio::ip::tcp::endpoint at, Most most, Accept accept,
    OnRejected connection_rejected, IsKnownAddress is_known_address, Proxies proxies)
    : loop_(loop),
      acceptor_(loop, at),
      most_(most),
      accept_(std::move(accept)),
      on_rejected_(std::move(connection_rejected)),
      is_known_address_(std::move(is_known_address)),
      proxies_(std::move(proxies)),
      counts_(std::make_shared<ConnectionCounts>()) {}

TcpListener::~TcpListener() = default;

void TcpListener::start() {
  asio::co_spawn(loop_, run(), [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);  // out of the loop's run(): a fault of this program
  });
}

void TcpListener::stop() {
  asio::error_code ignored;
  acceptor_.close(ignored);
}

asio::awaitable<void> TcpListener::run() {
  Timer pause(loop_);
  for (;;) {
    auto accepted = co_await acceptor_.async_accept(as_result);
    auto& [error, socket] = accepted;
    if (!acceptor_.is_open()) co_return;
    if (error) {
      // Descriptors used up, as a rule. Trying again at once would spin.
      log::warning("a connection could not be accepted: {}", error.message());
      pause.expires_after(limits::accept_pause);
      (void)co_await pause.async_wait(as_result);
      continue;
    }
    asio::error_code gone;
    const auto from = socket.remote_endpoint(gone);
    if (gone) continue;
    if (std::find(proxies_.begin(), proxies_.end(), plain_address(from.address())) == proxies_.end())
      take(std::move(socket), from);
    else
      asio::co_spawn(loop_, take_from_proxy(std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> TcpListener::take_from_proxy(asio::ip::tcp::socket socket) {
  asio::error_code gone;
  const auto proxy = socket.remote_endpoint(gone);
  DeadlineTimer limit(loop_.get_executor(), [&socket] {
    asio::error_code ignored;
    socket.close(ignored);
  });
  limit.set(Clock::now() + limits::proxy_header_timeout);
  Bytes header(proxy_preamble_size);
  const auto read = co_await asio::async_read(socket, asio::buffer(header), as_result);
  if (std::get<0>(read)) co_return;
  const auto rest = proxy_header_rest(header);
  auto source = Result<std::optional<asio::ip::tcp::endpoint>>(std::nullopt);
  if (rest) {
    header.resize(proxy_preamble_size + *rest);
    const auto more =
        co_await asio::async_read(socket, asio::buffer(header.data() + proxy_preamble_size, *rest), as_result);
    if (std::get<0>(more)) co_return;
    source = proxy_source(header);
  } else {
    source = tl::unexpected(rest.error());
  }
  limit.cancel();
  if (!source) co_return on_rejected_(source.error(), fmt::format("{}:{}", proxy.address().to_string(), proxy.port()));
  if (*source && acceptor_.is_open()) take(std::move(socket), **source);
}

void TcpListener::take(asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& from) {
  const auto address = from.address();
  const auto text = fmt::format("{}:{}", address.to_string(), from.port());
  const auto refuse = [&](std::string words) { on_rejected_({ErrorKind::conflict, std::move(words)}, text); };
  const auto of_unknown = static_cast<std::size_t>(static_cast<double>(most_.in_all) * limits::connections_of_unknown);
  const bool full = counts_->total >= most_.in_all || (counts_->total >= of_unknown && !is_known_address_(text));
  if (full)
    return refuse(
        fmt::format("no more connections: there are {} already. If so many devices are yours, raise listen.connections",
            counts_->total));
  const auto known = counts_->by_address.find(address);
  if (known != counts_->by_address.end() && known->second >= most_.per_address)
    return refuse(
        fmt::format("a connection was closed: this address has {} already. If so many devices stand behind it, raise "
                    "listen.connections_per_address",
            most_.per_address));
  auto counted = std::make_shared<Counted>(counts_, from, std::move(socket));
  accept_(std::shared_ptr<ByteStream>(counted, &counted->stream));
}

}  // namespace drydock::transport
