#include "server/absence_watch.hpp"

#include "base/asio_tokens.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "store/absences.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <cstdlib>

namespace drydock::server {
namespace {

using namespace std::chrono_literals;

// Absences begin with the look that finds them.
constexpr std::chrono::milliseconds look_every = 30s;
constexpr std::chrono::milliseconds look_soon = 1s;

}  // namespace

AbsenceWatch::AbsenceWatch(asio::io_context& loop, store::Writer& writer, int minutes, bool alone,
    std::function<void(const PublishedEvent&)> publish)
    : loop_(loop), writer_(writer), longest_(minutes), alone_(alone), publish_(std::move(publish)), timer_(loop) {}

void AbsenceWatch::start() {
  if (longest_ == 0min) return writer_.post([](store::Database& db) { store::forget_absences(db); });
  // Others have watched meanwhile.
  if (alone_) writer_.post([](store::Database& db) { store::restart_absences(db, utc_milliseconds()); });
  asio::co_spawn(loop_, run(), asio::detached);
}

void AbsenceWatch::stop() {
  stopped_ = true;
  timer_.cancel();
}

// A machine without a clock of its own learns the time behind its start, and then it is hours later at once.
std::int64_t AbsenceWatch::clock_jump() {
  constexpr std::int64_t meant = 5'000;
  const auto now = Clock::now();
  const auto utc = utc_milliseconds();
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - looked_at_).count();
  const auto jump = looked_at_utc_ == 0 ? 0 : utc - looked_at_utc_ - passed;
  looked_at_ = now;
  looked_at_utc_ = utc;
  return alone_ && std::abs(jump) > meant ? jump : 0;
}

asio::awaitable<void> AbsenceWatch::run() {
  while (!stopped_) {
    const auto jump = clock_jump();
    std::function<store::AbsenceNews(store::Database&)> look = [longest = longest_, jump](store::Database& db) {
      if (jump != 0) store::shift_absences(db, jump);
      return store::look_at_absences(
          db, utc_milliseconds(), std::chrono::milliseconds(longest).count(), limits::absences_told_at_once);
    };
    const auto news = co_await writer_.perform<store::AbsenceNews>(std::move(look));
    if (!news) log::debug("absent devices cannot be looked at: {}", news.error().message);
    if (news) {
      const auto now = utc_milliseconds();
      for (const auto& [device, since] : news->begun)
        if (const auto id = transport::DeviceId::parse(device)) publish_(absence_event(*id, "began", now - since));
      for (const auto& [device, since] : news->ended)
        if (const auto id = transport::DeviceId::parse(device)) publish_(absence_event(*id, "ended", now - since));
    }
    if (stopped_) break;
    constexpr std::size_t most = limits::absences_told_at_once;
    const bool more = news && (news->begun.size() == most || news->ended.size() == most);
    timer_.expires_after(more ? look_soon : look_every);
    (void)co_await timer_.async_wait(as_result);
  }
}

}  // namespace drydock::server
