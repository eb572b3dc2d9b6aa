#include "transport/udp_socket.hpp"

#include "base/asio_tokens.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

#include <array>
#include <asio/co_spawn.hpp>

namespace drydock::transport {
namespace {

// So many are read at a time before other work of the loop has its turn.
constexpr int datagrams_at_once = 64;
// A flight of chunks' acknowledgements from many devices must fit while the loop is busy.
constexpr int receive_buffer = 1024 * 1024;

}  // namespace

UdpSocket::UdpSocket(asio::io_context& loop, asio::ip::udp::endpoint at, Receive receive)
    : loop_(loop), socket_(loop, at), receive_(std::move(receive)) {
  socket_.non_blocking(true);
  asio::error_code not_so_large;
  socket_.set_option(asio::socket_base::receive_buffer_size(receive_buffer), not_so_large);
  port_ = socket_.local_endpoint().port();
}

void UdpSocket::start() {
  asio::co_spawn(loop_, run(), [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);  // out of the loop's run(): a fault of this program
  });
}

void UdpSocket::stop() {
  asio::error_code ignored;
  socket_.close(ignored);
}

asio::awaitable<void> UdpSocket::run() {
  Timer pause(loop_);
  std::array<std::uint8_t, limits::datagram> buffer;
  asio::ip::udp::endpoint from;
  while (socket_.is_open()) {
    auto waited = co_await socket_.async_wait(asio::ip::udp::socket::wait_read, as_result);
    auto& [error] = waited;
    if (!socket_.is_open()) co_return;
    if (error) {
      log::warning("the UDP socket cannot be read: {}", error.message());
      pause.expires_after(limits::accept_pause);
      (void)co_await pause.async_wait(as_result);
      continue;
    }
    for (int i = 0; i < datagrams_at_once && socket_.is_open(); ++i) {
      asio::error_code nothing_more;
      const auto size = socket_.receive_from(asio::buffer(buffer), from, 0, nothing_more);
      // An ICMP error of an earlier send is reported here too, and says nothing about the next datagram.
      if (nothing_more == asio::error::would_block) break;
      if (!nothing_more) receive_(ByteView(buffer).first(size), from);
    }
  }
}

void UdpSocket::send(ByteView datagram, const asio::ip::udp::endpoint& to) {
  asio::error_code lost;
  socket_.send_to(asio::buffer(datagram.data(), datagram.size()), to, 0, lost);
}

}  // namespace drydock::transport
