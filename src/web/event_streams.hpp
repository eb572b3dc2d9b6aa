// The event streams of tools and programs (server-sent events): a coroutine each, for there may be a thousand, on the
// page's own event loop.
#pragma once

#include "server/events.hpp"
#include "web/event_log.hpp"
#include "web/web_loop.hpp"

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <map>
#include <mutex>
#include <set>
#include <unistd.h>
#include <utility>
#include <vector>

namespace drydock::web {

/// A file descriptor that is closed with this.
class Descriptor {
public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

private:
  int fd_;
};

class EventStreams {
public:
  explicit EventStreams(WebLoop& loop) : loop_(loop), pause_(loop.context()) {}
  /// After the loop has stopped.
  ~EventStreams() = default;

  /// Any thread.
  void append(const server::PublishedEvent& event);

  /// What is handed over with a connection that asked for a stream.
  struct Listener {
    Descriptor socket;     ///< over IP
    std::string greeting;  ///< sent first
    EventFilter filter;
    std::function<bool()> may_listen;  ///< asked before everything that is sent: should cost little
    std::function<void()> on_end;      ///< the socket is closed; on the page's loop
  };
  /// From any thread.
  void serve(Listener listener);
  int open() const { return open_; }

private:
  struct Stream;
  void take();
  void wake(const std::string& device, const std::string& event);
  asio::awaitable<void> run(std::shared_ptr<Stream> stream);
  static asio::awaitable<void> watch_for_end(std::shared_ptr<Stream> stream);

  WebLoop& loop_;
  EventLog log_;
  std::set<std::shared_ptr<Stream>> streams_;
  std::multimap<std::string, Stream*> by_device_;  ///< by the device of their filter; "": of any
  asio::steady_timer pause_;
  std::chrono::steady_clock::time_point taken_{};
  std::atomic<int> open_{0};

  std::mutex mutex_;
  std::vector<server::PublishedEvent> arrived_;  ///< guarded
  std::size_t arrived_bytes_ = 0;                ///< guarded
  bool called_ = false;                          ///< guarded: the loop knows that some arrived
};

}  // namespace drydock::web
