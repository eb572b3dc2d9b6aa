#include "server/rollout_driver.hpp"

#include "base/asio_tokens.hpp"
#include "base/log.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

namespace drydock::server {
namespace {

constexpr auto pause = std::chrono::seconds(5);
// Between looks, however much happens.
constexpr auto shortest_pause = std::chrono::seconds(1);

}  // namespace

RolloutDriver::RolloutDriver(asio::io_context& loop, store::Writer& writer, Surroundings surroundings)
    : loop_(loop), writer_(writer), surroundings_(std::move(surroundings)), timer_(loop) {}

void RolloutDriver::wake() {
  again_ = true;
  if (stopped_) return;
  if (running_) {
    if (resting_) timer_.cancel();
    return;
  }
  running_ = true;
  asio::co_spawn(loop_, run(), asio::detached);
}

void RolloutDriver::stop() {
  stopped_ = true;
  timer_.cancel();
}

asio::awaitable<void> RolloutDriver::run() {
  while (!stopped_) {
    again_ = false;
    std::function<RolloutLook(store::Database&)> look = [now = surroundings_.running_time(),
                                                            at_once = surroundings_.at_once](store::Database& db) {
      return look_at_rollouts(db, now, utc_milliseconds(), at_once);
    };
    const auto seen = co_await writer_.perform<RolloutLook>(std::move(look));
    if (!seen) log::warning("rollouts cannot be looked at: {}", seen.error().message);
    if (seen) {
      for (const auto& line : seen->lines) log::notice("{}", line);
      for (const auto& stopped : seen->stopped) {
        log::warning(
            "rollout {} of '{}' has stopped by itself: {}. 'drydock rollouts resume {}' goes on behind it, "
            "'rollouts revert {}' takes it back",
            stopped.id, stopped.release, stopped.reason, stopped.id, stopped.id);
        surroundings_.tell(stopped);
      }
      unapplied_ |= seen->changed;
      if (unapplied_) {
        const auto applied = co_await surroundings_.apply_changes();
        unapplied_ = !applied.has_value();
      }
      if (!seen->under_way && !again_ && !unapplied_) break;
    }
    if (stopped_) break;
    timer_.expires_after(shortest_pause);
    (void)co_await timer_.async_wait(as_result);
    if (stopped_ || again_) continue;
    resting_ = true;
    timer_.expires_after(pause - shortest_pause);
    (void)co_await timer_.async_wait(as_result);
    resting_ = false;
  }
  running_ = false;
}

}  // namespace drydock::server
