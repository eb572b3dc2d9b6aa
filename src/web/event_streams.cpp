#include "web/event_streams.hpp"

#include "base/asio_tokens.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "web/cloud_api.hpp"

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/write.hpp>

namespace drydock::web {
namespace {

using namespace std::chrono_literals;

constexpr auto keep_alive = 9s;  // Particle's cloud; particle-api-js gives a stream up that was silent for 15 s
constexpr auto write_timeout = 30s;
constexpr std::size_t at_once = 16 * 1024;
// A thousand streams are not woken for each of ten thousand events a second.
constexpr auto between_batches = 10ms;

}  // namespace

struct EventStreams::Stream {
  Stream(asio::io_context& context, Listener handed_over)
      : listener(std::move(handed_over)), socket(context), news(context), deadline(context) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    ::getsockname(listener.socket.get(), reinterpret_cast<sockaddr*>(&name), &size);
    asio::error_code error;
    socket.assign(name.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), listener.socket.get(), error);
    if (!error) listener.socket.release();
  }

  void end() {
    asio::error_code ignored;
    socket.close(ignored);
    news.cancel();
  }

  // false: it is over. Not a lambda's or a friend's: awaited by run() alone.
  static asio::awaitable<bool> write(std::shared_ptr<Stream> stream, std::string text) {
    stream->deadline.expires_after(write_timeout);
    stream->deadline.async_wait([stream](asio::error_code error) {
      if (!error) stream->end();
    });
    const auto [error, size] = co_await asio::async_write(stream->socket, asio::buffer(text), as_result);
    stream->deadline.cancel();
    stream->written = std::chrono::steady_clock::now();
    co_return !error;
  }

  Listener listener;
  asio::ip::tcp::socket socket;
  asio::steady_timer news;
  asio::steady_timer deadline;
  std::uint64_t position = 0;  ///< in the log
  bool waits = false;          ///< for an event that it wants
  std::chrono::steady_clock::time_point written{};
};

void EventStreams::append(const server::PublishedEvent& event) {
  if (open_ == 0) return;
  const std::lock_guard lock(mutex_);
  // The loop of the page may be behind; that of the devices does not wait for it.
  if (arrived_bytes_ > limits::event_log) return;
  arrived_bytes_ += sizeof event + event.name.size() + event.data.size();
  arrived_.push_back(event);
  if (!std::exchange(called_, true)) asio::post(loop_.context(), [this] { take(); });
}

void EventStreams::take() {
  const auto now = std::chrono::steady_clock::now();
  if (now < taken_ + between_batches) {
    pause_.expires_at(taken_ + between_batches);
    pause_.async_wait([this](asio::error_code error) {
      if (!error) take();
    });
    return;
  }
  taken_ = now;
  std::vector<server::PublishedEvent> arrived;
  {
    const std::lock_guard lock(mutex_);
    arrived.swap(arrived_);
    arrived_bytes_ = 0;
    called_ = false;
  }
  for (const auto& event : arrived) {
    const auto device = event.from ? event.from->text() : "";
    wake(device, event.name);
    if (!device.empty()) wake("", event.name);
    log_.append({event.name, device, CloudApi::as_stream_text(event)});
  }
  // Who waits still wants nothing of this.
  for (const auto& stream : streams_)
    if (stream->waits) stream->position = log_.end();
}

// Those that listen to this device alone; "": to all.
void EventStreams::wake(const std::string& device, const std::string& event) {
  const auto [begin, end] = by_device_.equal_range(device);
  for (auto entry = begin; entry != end; ++entry) {
    auto& stream = *entry->second;
    if (stream.waits && event.starts_with(stream.listener.filter.prefix)) {
      stream.waits = false;
      stream.news.cancel();
    }
  }
}

void EventStreams::serve(Listener listener) {
  ++open_;
  asio::post(loop_.context(), [this, listener = std::move(listener)]() mutable {
    const auto stream = std::make_shared<Stream>(loop_.context(), std::move(listener));
    streams_.insert(stream);
    const auto place = by_device_.emplace(stream->listener.filter.device, stream.get());
    asio::co_spawn(loop_.context(), watch_for_end(stream), asio::detached);
    asio::co_spawn(loop_.context(), run(stream), [this, stream, place](std::exception_ptr failed) {
      if (failed) log::error("an event stream ended with an exception");
      stream->end();
      by_device_.erase(place);
      streams_.erase(stream);
      --open_;
      stream->listener.on_end();
    });
  });
}

asio::awaitable<void> EventStreams::run(std::shared_ptr<Stream> stream) {
  stream->position = log_.end();
  const bool greeted = co_await Stream::write(stream, stream->listener.greeting);
  if (!greeted) co_return;
  for (;;) {
    auto text = log_.read(stream->position, stream->listener.filter, at_once);
    if (!stream->listener.may_listen()) co_return;
    if (text.empty()) {
      stream->news.expires_at(stream->written + keep_alive);
      stream->waits = true;
      const auto [woken] = co_await stream->news.async_wait(as_result);
      stream->waits = false;
      if (!stream->socket.is_open()) co_return;
      if (woken) continue;
      text = "\n";
    }
    const bool heard = co_await Stream::write(stream, std::move(text));
    if (!heard) co_return;
  }
}

// A client that goes away is noticed at once, and not with the next thing it is told.
asio::awaitable<void> EventStreams::watch_for_end(std::shared_ptr<Stream> stream) {
  std::array<char, 64> unwanted;
  for (;;) {
    const auto [error, size] = co_await stream->socket.async_read_some(asio::buffer(unwanted), as_result);
    if (!error) continue;
    stream->end();
    co_return;
  }
}

}  // namespace drydock::web
