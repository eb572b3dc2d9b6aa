#include "web/tls_listener.hpp"

#include "base/asio_tokens.hpp"
#include "base/deadline_timer.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <map>
#include <netinet/tcp.h>
#include <optional>

namespace drydock::web {

using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t piece = 8 * 1024;
constexpr std::uint8_t tls_handshake = 22;  // the first byte of a ClientHello's record (RFC 8446 §5.1)
constexpr unsigned unacknowledged_ms = 30'000;

std::string plain_address(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

}  // namespace

struct TlsListener::Shared {
  Shared(asio::io_context& l, const tcp::endpoint& at, std::shared_ptr<Visitors> v, Options o)
      : loop(l), acceptor(l, at), visitors(std::move(v)), options(std::move(o)) {}
  bool has_room(const std::string& address) const {
    if (options.is_known(address)) return true;
    const auto same = strangers.find(address);
    return strangers_waiting < limits::page_connections_of_unknown &&
        (same == strangers.end() || same->second < limits::page_connections_per_unknown_address);
  }

  asio::io_context& loop;
  tcp::acceptor acceptor;
  std::shared_ptr<Visitors> visitors;
  Options options;
  std::uint16_t behind = 0;
  // Before a handshake's end; from then on CivetWeb's connections are counted.
  std::map<std::string, int> strangers;
  int strangers_waiting = 0;
};

struct TlsListener::Connection {
  Connection(std::shared_ptr<Shared> s, tcp::socket socket, std::string from)
      : shared(std::move(s)), visitor(std::move(socket)), server(shared->loop), address(std::move(from)) {
    waits = !shared->options.is_known(address);
    if (!waits) return;
    ++shared->strangers[address];
    ++shared->strangers_waiting;
  }
  ~Connection() {
    let_in();
    if (port != 0) shared->visitors->left(port);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void let_in() {
    if (!std::exchange(waits, false)) return;
    --shared->strangers_waiting;
    if (--shared->strangers[address] == 0) shared->strangers.erase(address);
  }
  void close() {
    asio::error_code ignored;
    visitor.close(ignored);
    server.close(ignored);
  }
  // Of what both directions have to say to the visitor, one writes at a time, in order.
  static asio::awaitable<bool> flush(Connected self) {
    if (std::exchange(self->flushing, true)) co_return true;
    asio::error_code failed;
    for (auto output = self->tls->take_output(); !output.empty() && !failed; output = self->tls->take_output()) {
      auto written = co_await asio::async_write(self->visitor, asio::buffer(output), as_result);
      failed = std::get<0>(written);
    }
    self->flushing = false;
    co_return !failed;
  }

  std::shared_ptr<Shared> shared;
  tcp::socket visitor;
  tcp::socket server;
  std::string address;
  std::optional<crypto::TlsSession> tls;
  std::uint16_t port = 0;  // of our end of `server`
  bool waits = false;      // and is a stranger
  bool flushing = false;
};

TlsListener::TlsListener(
    asio::io_context& loop, const tcp::endpoint& at, std::shared_ptr<Visitors> visitors, Options options)
    : shared_(std::make_shared<Shared>(loop, at, std::move(visitors), std::move(options))) {}

TlsListener::~TlsListener() = default;

std::uint16_t TlsListener::port() const {
  return shared_->acceptor.local_endpoint().port();
}

void TlsListener::start(std::uint16_t behind) {
  shared_->behind = behind;
  asio::co_spawn(shared_->loop, accept(shared_), asio::detached);
}

asio::awaitable<void> TlsListener::accept(std::shared_ptr<Shared> shared) {
  asio::steady_timer pause(shared->loop);
  for (;;) {
    auto accepted = co_await shared->acceptor.async_accept(as_result);
    auto& [error, socket] = accepted;
    if (error) {
      // Descriptors used up, as a rule. Trying again at once would spin.
      pause.expires_after(limits::accept_pause);
      (void)co_await pause.async_wait(as_result);
      continue;
    }
    asio::error_code gone;
    const auto from = socket.remote_endpoint(gone);
    if (gone) continue;
    auto address = plain_address(from.address());
    if (!shared->has_room(address)) continue;
    socket.set_option(tcp::no_delay(true), gone);
    // Of a visitor that is gone without a word, nothing else would tell.
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
    asio::co_spawn(shared->loop, serve(std::make_shared<Connection>(shared, std::move(socket), std::move(address))),
        [](std::exception_ptr failed) {
          try {
            if (failed) std::rethrow_exception(failed);
          } catch (const std::exception& e) {
            log::error("the page over TLS: {}", e.what());
          }
        });
  }
}

asio::awaitable<void> TlsListener::serve(Connected c) {
  DeadlineTimer deadline(c->shared->loop.get_executor(), [weak = std::weak_ptr(c)] {
    if (const auto late = weak.lock()) late->close();
  });
  deadline.set(Clock::now() + limits::page_body_time);
  auto ready = co_await c->visitor.async_wait(tcp::socket::wait_read, as_result);
  if (std::get<0>(ready)) co_return;
  std::uint8_t first = 0;
  asio::error_code gone;
  if (c->visitor.receive(asio::buffer(&first, 1), tcp::socket::message_peek, gone) != 1 || gone) co_return;
  if (first == tls_handshake) {
    const bool done = co_await shake_hands(c);
    if (!done) co_return;
  } else if (c->shared->options.plain == Plain::redirected) {
    co_return co_await redirect(c);
  }
  const bool connected = co_await connect_behind(c);
  if (!connected) co_return;
  deadline.cancel();
  asio::co_spawn(c->shared->loop, pass_to_server(c), asio::detached);
  co_await pass_to_visitor(c);
  // What the visitor still sends is read for a moment: closing over it would take the answer away.
  constexpr auto rest = 2s;
  c->visitor.shutdown(tcp::socket::shutdown_send, gone);
  c->server.close(gone);
  asio::steady_timer wait(c->shared->loop, rest);
  (void)co_await wait.async_wait(as_result);
  c->close();
}

asio::awaitable<bool> TlsListener::shake_hands(Connected c) {
  c->tls.emplace(c->shared->options.tls);
  Bytes received(piece);
  for (;;) {
    auto read = co_await c->visitor.async_read_some(asio::buffer(received), as_result);
    const auto& [error, size] = read;
    if (error) co_return false;
    c->tls->receive(ByteView(received).first(size));
    const auto done = c->tls->handshake();
    const bool sent = co_await Connection::flush(c);
    if (!done) log::debug("the page over TLS: {} from {}", done.error().message, c->address);
    if (!done || !sent) co_return false;
    if (*done) co_return true;
  }
}

asio::awaitable<bool> TlsListener::connect_behind(Connected c) {
  asio::error_code failed;
  const auto loopback = asio::ip::address_v4::loopback();
  c->server.open(tcp::v4(), failed);
  if (!failed) c->server.bind({loopback, 0}, failed);
  if (failed) co_return false;
  // Known before CivetWeb sees the connection.
  c->port = c->server.local_endpoint(failed).port();
  c->shared->visitors->came(c->port, c->address);
  const tcp::endpoint behind(loopback, c->shared->behind);
  auto connected = co_await c->server.async_connect(behind, as_result);
  if (std::get<0>(connected)) co_return false;
  c->server.set_option(tcp::no_delay(true), failed);
  c->let_in();
  co_return true;
}

asio::awaitable<void> TlsListener::pass_to_server(Connected c) {
  Bytes received(piece), plain(piece);
  bool wanted = true;
  for (;;) {
    ByteView next;
    if (c->tls) {
      const auto count = c->tls->read(plain);
      const bool sent = co_await Connection::flush(c);
      if (!count || !sent) break;
      next = ByteView(plain).first(*count);
    }
    if (next.empty()) {
      auto read = co_await c->visitor.async_read_some(asio::buffer(received), as_result);
      const auto& [error, size] = read;
      if (error) break;
      if (c->tls) {
        c->tls->receive(ByteView(received).first(size));
        continue;
      }
      next = ByteView(received).first(size);
    }
    if (!wanted) continue;
    auto written = co_await asio::async_write(c->server, asio::buffer(next.data(), next.size()), as_result);
    wanted = !std::get<0>(written);
  }
  asio::error_code ignored;
  c->server.shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> TlsListener::pass_to_visitor(Connected c) {
  Bytes received(piece);
  for (;;) {
    auto read = co_await c->server.async_read_some(asio::buffer(received), as_result);
    const auto& [error, size] = read;
    if (error) break;
    const auto next = ByteView(received).first(size);
    if (!c->tls) {
      auto written = co_await asio::async_write(c->visitor, asio::buffer(next.data(), next.size()), as_result);
      if (std::get<0>(written)) co_return;
      continue;
    }
    if (!c->tls->write(next)) co_return;
    const bool sent = co_await Connection::flush(c);
    if (!sent) co_return;
  }
  if (!c->tls) co_return;
  c->tls->close();
  (void)co_await Connection::flush(c);
}

asio::awaitable<void> TlsListener::redirect(Connected c) {
  constexpr std::size_t longest_head = 16 * 1024;
  std::string head;
  Bytes received(piece);
  while (head.find("\r\n\r\n") == std::string::npos && head.size() < longest_head) {
    auto read = co_await c->visitor.async_read_some(asio::buffer(received), as_result);
    const auto& [error, size] = read;
    if (error) co_return;
    head.append(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(size));
  }
  const auto answer = redirection(head);
  (void)co_await asio::async_write(c->visitor, asio::buffer(answer), as_result);
  asio::error_code ignored;
  c->visitor.shutdown(tcp::socket::shutdown_send, ignored);
  while (true) {
    auto rest = co_await c->visitor.async_read_some(asio::buffer(received), as_result);
    if (std::get<0>(rest)) co_return;
  }
}

std::string redirection(std::string_view head) {
  const auto line = head.substr(0, head.find("\r\n"));
  const auto method = line.substr(0, line.find(' '));
  std::string_view path, host;
  if (const auto begin = line.find(' '); begin != std::string_view::npos)
    path = line.substr(begin + 1, line.rfind(' ') - begin - 1);
  for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    const auto field = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    constexpr std::string_view name = "host:";
    if (!begins_with_lower_ascii(field, name)) continue;
    host = field.substr(name.size());
    while (host.starts_with(' ')) host.remove_prefix(1);
    while (host.ends_with(' ')) host.remove_suffix(1);
    break;
  }
  const auto usable = [](std::string_view text, std::string_view more) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
          more.find(c) != std::string_view::npos;
    });
  };
  constexpr const char* end = "Connection: close\r\nContent-Length: 0\r\n\r\n";
  if ((method != "GET" && method != "HEAD") || host.empty() || !path.starts_with('/') || !usable(host, ".:-_[]") ||
      !usable(path, "/-._~%!$&'()*+,;=:@?"))
    return fmt::format("HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n{}", end);
  return fmt::format("HTTP/1.1 307 Temporary Redirect\r\nLocation: https://{}{}\r\n{}", host, path, end);
}

}  // namespace drydock::web
