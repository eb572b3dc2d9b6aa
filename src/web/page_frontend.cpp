#include "web/page_frontend.hpp"

#include "base/asio_tokens.hpp"
#include "base/deadline_timer.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/plain_address.hpp"
#include "base/text.hpp"
#include "web/fair_places.hpp"
#include "web/redirection.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <list>
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

}  // namespace

struct PageFrontend::Shared {
  Shared(asio::io_context& l, const tcp::endpoint& at, std::shared_ptr<Visitors> v, Options o)
      : loop(l), acceptor(l, at), visitors(std::move(v)), options(std::move(o)) {}
  bool has_room(const std::string& address, bool stranger) const {
    const auto found = of_address.find(address);
    const int same = found == of_address.end() ? 0 : found->second;
    return total < limits::visitors && (stranger || same < limits::visitors_per_address);
  }
  void end_those_too_many();

  asio::io_context& loop;
  tcp::acceptor acceptor;
  std::shared_ptr<Visitors> visitors;
  Options options;
  std::function<std::uint16_t()> behind;
  std::map<std::string, int> of_address;
  std::list<Connection*> strangers;  // in the order in which they came
  int total = 0;
};

// Counts itself until it is gone: CivetWeb may have answered and forgotten it long before the visitor has read that.
struct PageFrontend::Connection {
  Connection(std::shared_ptr<Shared> s, tcp::socket socket, std::string from, bool strange)
      : shared(std::move(s)),
        visitor(std::move(socket)),
        server(shared->loop),
        flushed(shared->loop, asio::steady_timer::time_point::max()),
        tail(shared->loop),
        address(std::move(from)),
        stranger(strange) {
    ++shared->of_address[address];
    ++shared->total;
    if (stranger) shared->strangers.push_back(this);
  }
  ~Connection() {
    close_server();
    if (stranger) shared->strangers.remove(this);
    --shared->total;
    if (--shared->of_address[address] == 0) shared->of_address.erase(address);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The port is somebody else's the moment it is closed.
  void close_server() {
    if (const auto left = std::exchange(port, std::uint16_t{0}); left != 0) shared->visitors->left(left);
    asio::error_code ignored;
    server.close(ignored);
  }
  void close() {
    asio::error_code ignored;
    visitor.close(ignored);
    close_server();
  }
  void ends_within(std::chrono::milliseconds time) {
    end = std::min(end, Clock::now() + time);
    deadline->set(end);
  }
  // Of what both directions have to say to the visitor, one writes at a time, in order; the other one waits.
  static asio::awaitable<bool> flush(Connected self) {
    while (self->flushing) {
      (void)co_await self->flushed.async_wait(as_result);
      if (!self->visitor.is_open()) co_return false;
    }
    self->flushing = true;
    bool sent = true;
    for (auto output = self->tls->take_output(); !output.empty() && sent; output = self->tls->take_output())
      sent = co_await write(self, output);
    self->flushing = false;
    self->flushed.cancel();
    co_return sent;
  }
  // Who takes it too slowly takes no more.
  static asio::awaitable<bool> write(Connected self, ByteView bytes) {
    self->deadline->set(std::min(self->end, Clock::now() + limits::visitor_write_time));
    auto written = co_await asio::async_write(self->visitor, asio::buffer(bytes.data(), bytes.size()), as_result);
    self->deadline->set(self->end);
    co_return !std::get<0>(written);
  }

  std::shared_ptr<Shared> shared;
  tcp::socket visitor;
  tcp::socket server;
  asio::steady_timer flushed;
  asio::steady_timer tail;  // until the visitor has ended too
  bool visitor_ended = false;
  std::string address;
  std::optional<crypto::TlsSession> tls;
  std::optional<DeadlineTimer> deadline;
  Clock::time_point end = Clock::time_point::max();
  std::uint16_t port = 0;  // of our end of `server`
  std::string head;        // of a request without TLS, that is not passed on yet
  bool stranger;
  bool flushing = false;
};

void PageFrontend::Shared::end_those_too_many() {
  std::vector<Place> places;
  std::vector<Connection*> connections;
  for (auto* connection : strangers) {
    if (!connection->visitor.is_open() || options.is_known(connection->address)) continue;
    const bool shook_hands = connection->port != 0;
    places.push_back({connection->address, false, shook_hands});
    connections.push_back(connection);
  }
  for (const auto i : places_to_give_up(places, {0, limits::visitors_per_stranger, limits::visitors_of_strangers}))
    connections[i]->close();
}

PageFrontend::PageFrontend(
    asio::io_context& loop, const tcp::endpoint& at, std::shared_ptr<Visitors> visitors, Options options)
    : shared_(std::make_shared<Shared>(loop, at, std::move(visitors), std::move(options))) {}

PageFrontend::~PageFrontend() = default;

std::uint16_t PageFrontend::port() const {
  return shared_->acceptor.local_endpoint().port();
}

int PageFrontend::connections() const {
  return shared_->total;
}

void PageFrontend::start(std::function<std::uint16_t()> behind) {
  shared_->behind = std::move(behind);
  asio::co_spawn(shared_->loop, accept(shared_), asio::detached);
}

void PageFrontend::take(const std::shared_ptr<Shared>& shared, tcp::socket socket) {
  asio::error_code gone;
  const auto from = socket.remote_endpoint(gone);
  if (gone) return;
  auto address = plain_address(from.address()).to_string();
  const bool stranger = !shared->options.is_known(address);
  if (!shared->has_room(address, stranger)) return;
  socket.set_option(tcp::no_delay(true), gone);
  // Of a visitor that is gone without a word, nothing else would tell.
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
  const auto connection = std::make_shared<Connection>(shared, std::move(socket), std::move(address), stranger);
  asio::co_spawn(shared->loop, serve(connection), ended(connection));
  shared->end_those_too_many();
}

std::function<void(std::exception_ptr)> PageFrontend::ended(Connected connection) {
  return [connection = std::move(connection)](std::exception_ptr failed) {
    if (!failed) return;
    try {
      std::rethrow_exception(failed);
    } catch (const std::exception& e) {
      log::error("the page over TLS: {}", e.what());
    }
    connection->close();
  };
}

asio::awaitable<void> PageFrontend::accept(std::shared_ptr<Shared> shared) {
  asio::steady_timer pause(shared->loop);
  for (;;) {
    auto accepted = co_await shared->acceptor.async_accept(as_result);
    auto& [error, socket] = accepted;
    bool done = !error;
    try {
      if (done) take(shared, std::move(socket));
    } catch (const std::exception& e) {
      log::error("the page over TLS: {}", e.what());
      done = false;
    }
    if (done) continue;
    // Descriptors or memory used up, as a rule. Trying again at once would spin.
    pause.expires_after(limits::accept_pause);
    (void)co_await pause.async_wait(as_result);
  }
}

asio::awaitable<void> PageFrontend::serve(Connected c) {
  c->deadline.emplace(c->shared->loop.get_executor(), [weak = std::weak_ptr(c)] {
    if (const auto late = weak.lock()) late->close();
  });
  c->ends_within(limits::page_body_time);
  auto ready = co_await c->visitor.async_wait(tcp::socket::wait_read, as_result);
  if (std::get<0>(ready)) co_return;
  if (c->shared->options.tls) {
    const bool let_in = co_await speak_tls(c);
    if (!let_in) co_return;
  }
  const bool connected = co_await connect_behind(c);
  if (!connected) co_return;
  c->end = Clock::time_point::max();
  c->deadline->set(c->end);
  asio::co_spawn(c->shared->loop, pass_to_server(c), ended(c));
  co_await pass_to_visitor(c);
  // What the visitor still sends is read for a moment: closing over it would take the answer away.
  constexpr auto rest = 2s;
  asio::error_code gone;
  c->visitor.shutdown(tcp::socket::shutdown_send, gone);
  c->close_server();
  c->tail.expires_after(rest);
  if (!c->visitor_ended) (void)co_await c->tail.async_wait(as_result);
  c->close();
}

// Or without, where that is allowed.
asio::awaitable<bool> PageFrontend::speak_tls(Connected c) {
  std::uint8_t first = 0;
  asio::error_code gone;
  if (c->visitor.receive(asio::buffer(&first, 1), tcp::socket::message_peek, gone) != 1 || gone) co_return false;
  if (first == tls_handshake) co_return co_await shake_hands(c);
  if (c->shared->options.plain != Plain::redirected) co_return true;
  c->head = co_await read_head(c);
  if (c->head.empty()) co_return false;
  const auto& proxies = c->shared->options.trusted_proxies;
  const bool proxy = std::find(proxies.begin(), proxies.end(), c->address) != proxies.end();
  if (proxy && header_of(c->head, "x-forwarded-proto") == "https") co_return true;
  co_await redirect(c);
  co_return false;
}

asio::awaitable<bool> PageFrontend::shake_hands(Connected c) {
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

asio::awaitable<bool> PageFrontend::connect_behind(Connected c) {
  const auto server_port = c->shared->behind();
  if (server_port == 0) co_return false;
  asio::error_code failed;
  const auto loopback = asio::ip::address_v4::loopback();
  c->server.open(tcp::v4(), failed);
  if (!failed) c->server.bind({loopback, 0}, failed);
  if (failed) co_return false;
  // Known before CivetWeb sees the connection.
  c->port = c->server.local_endpoint(failed).port();
  c->shared->visitors->came(c->port, {c->address, c->tls.has_value()});
  const tcp::endpoint behind(loopback, server_port);
  auto connected = co_await c->server.async_connect(behind, as_result);
  if (std::get<0>(connected)) co_return false;
  c->server.set_option(tcp::no_delay(true), failed);
  c->server.non_blocking(true, failed);
  c->visitor.non_blocking(true, failed);
  co_return true;
}

// Buffers live while there is something in them: an event stream may say nothing for hours.
asio::awaitable<std::optional<Bytes>> PageFrontend::read_some(tcp::socket& socket) {
  for (;;) {
    auto ready = co_await socket.async_wait(tcp::socket::wait_read, as_result);
    if (std::get<0>(ready)) co_return std::nullopt;
    Bytes received(piece);
    asio::error_code error;
    const auto size = socket.read_some(asio::buffer(received), error);
    if (error == asio::error::would_block) continue;
    if (error || size == 0) co_return std::nullopt;
    received.resize(size);
    co_return received;
  }
}

// What the visitor said is passed on; false: there is nobody to hear any more, or to say it.
asio::awaitable<bool> PageFrontend::pass_decrypted(Connected c, ByteView received, bool& wanted) {
  c->tls->receive(received);
  for (;;) {
    Bytes plain(piece);
    const auto count = c->tls->read(plain);
    const bool sent = co_await Connection::flush(c);
    if (!count || !sent) co_return false;
    if (*count == 0) co_return true;
    if (!wanted) continue;
    auto written = co_await asio::async_write(c->server, asio::buffer(plain.data(), *count), as_result);
    wanted = !std::get<0>(written);
  }
}

asio::awaitable<void> PageFrontend::pass_to_server(Connected c) {
  bool wanted = true;
  if (!c->head.empty()) {
    auto written = co_await asio::async_write(c->server, asio::buffer(c->head), as_result);
    wanted = !std::get<0>(written);
    c->head = {};
  }
  bool open = true;
  // The handshake may have brought the first request along.
  if (c->tls) open = co_await pass_decrypted(c, {}, wanted);
  while (open) {
    auto received = co_await read_some(c->visitor);
    if (!received) break;
    if (c->tls) {
      open = co_await pass_decrypted(c, *received, wanted);
    } else if (wanted) {
      auto written = co_await asio::async_write(c->server, asio::buffer(*received), as_result);
      wanted = !std::get<0>(written);
    }
  }
  // Nobody is there to read an answer, or it is under way.
  c->visitor_ended = true;
  c->tail.cancel();
  constexpr auto last_answer = 5s;
  asio::error_code ignored;
  c->server.shutdown(tcp::socket::shutdown_send, ignored);
  c->ends_within(last_answer);
}

asio::awaitable<void> PageFrontend::pass_to_visitor(Connected c) {
  for (;;) {
    const auto received = co_await read_some(c->server);
    if (!received) break;
    const ByteView next(*received);
    if (c->tls && !c->tls->write(next)) co_return;
    const bool sent = c->tls ? co_await Connection::flush(c) : co_await Connection::write(c, next);
    if (!sent) co_return;
  }
  if (!c->tls) co_return;
  c->tls->close();
  (void)co_await Connection::flush(c);
}

// Empty when it does not come.
asio::awaitable<std::string> PageFrontend::read_head(Connected c) {
  constexpr std::size_t longest_head = 16 * 1024;
  std::string head;
  Bytes received(piece);
  while (head.find("\r\n\r\n") == std::string::npos && head.size() < longest_head) {
    auto read = co_await c->visitor.async_read_some(asio::buffer(received), as_result);
    const auto& [error, size] = read;
    if (error) co_return "";
    head.append(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(size));
  }
  co_return head;
}

asio::awaitable<void> PageFrontend::redirect(Connected c) {
  Bytes received(piece);
  const auto answer = redirection(c->head, c->shared->options.hosts);
  (void)co_await asio::async_write(c->visitor, asio::buffer(answer), as_result);
  asio::error_code ignored;
  c->visitor.shutdown(tcp::socket::shutdown_send, ignored);
  while (true) {
    auto rest = co_await c->visitor.async_read_some(asio::buffer(received), as_result);
    if (std::get<0>(rest)) co_return;
  }
}

}  // namespace drydock::web
