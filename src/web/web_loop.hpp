// An event loop of the page's own, on a thread of its own: for what waits long and should hold no thread meanwhile,
// and is to keep nobody from the devices' loop.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>

namespace drydock::web {

class WebLoop {
public:
  WebLoop() : work_(context_.get_executor()), thread_([this] { run(); }) {}
  ~WebLoop() { stop(); }
  WebLoop(const WebLoop&) = delete;
  WebLoop& operator=(const WebLoop&) = delete;

  asio::io_context& context() { return context_; }
  /// Whatever runs is over when this returns, and nothing begins any more.
  void stop();

private:
  void run();

  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

/// Does something after a while, on the loop, unless this is gone before.
class Deadline {
public:
  Deadline(WebLoop& loop, std::chrono::milliseconds after, std::function<void()> action);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

private:
  struct State {
    explicit State(asio::io_context& context) : timer(context) {}
    asio::steady_timer timer;
    std::atomic<bool> over{false};
  };
  WebLoop& loop_;
  std::shared_ptr<State> state_;
};

}  // namespace drydock::web
