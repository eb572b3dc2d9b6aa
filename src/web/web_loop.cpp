#include "web/web_loop.hpp"

#include "base/log.hpp"

namespace drydock::web {

void WebLoop::run() {
  for (;;) {
    try {
      context_.run();
      return;
    } catch (const std::exception& e) {
      log::error("the page's event loop: {}", e.what());
    }
  }
}

void WebLoop::stop() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

Deadline::Deadline(WebLoop& loop, std::chrono::milliseconds after, std::function<void()> action)
    : loop_(loop), state_(std::make_shared<State>(loop.context())) {
  asio::post(loop_.context(), [state = state_, after, action = std::move(action)] {
    state->timer.expires_after(after);
    state->timer.async_wait([state, action](asio::error_code) {
      if (!state->over) action();
    });
  });
}

Deadline::~Deadline() {
  state_->over = true;
  asio::post(loop_.context(), [state = state_] { state->timer.cancel(); });
}

}  // namespace drydock::web
