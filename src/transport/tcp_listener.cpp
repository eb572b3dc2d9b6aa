#include "transport/tcp_listener.hpp"

#include "base/asio_tokens.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "transport/tcp_stream.hpp"

#include <asio/co_spawn.hpp>
#include <fmt/core.h>

namespace drydock::transport {

// Counts itself among its address's connections for as long as it lives.
struct TcpListener::Counted {
  Counted(std::shared_ptr<ConnectionCounts> c, asio::ip::address a, asio::ip::tcp::socket socket)
      : counts(std::move(c)), address(std::move(a)), stream(std::move(socket)) {
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
    OnRejected connection_rejected, IsKnownAddress is_known_address)
    : loop_(loop),
      acceptor_(loop, at),
      most_(most),
      accept_(std::move(accept)),
      on_rejected_(std::move(connection_rejected)),
      is_known_address_(std::move(is_known_address)),
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
    take(std::move(socket));
  }
}

void TcpListener::take(asio::ip::tcp::socket socket) {
  asio::error_code gone;
  const auto peer = socket.remote_endpoint(gone);
  const auto address = peer.address();
  if (gone) return;
  const auto text = fmt::format("{}:{}", address.to_string(), peer.port());
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
  auto counted = std::make_shared<Counted>(counts_, address, std::move(socket));
  accept_(std::shared_ptr<ByteStream>(counted, &counted->stream));
}

}  // namespace drydock::transport
