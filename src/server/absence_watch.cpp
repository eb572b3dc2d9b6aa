#include "server/absence_watch.hpp"

#include "base/asio_tokens.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "store/absences.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

namespace drydock::server {
namespace {

using namespace std::chrono_literals;

// Absences begin with the look that finds them.
constexpr std::chrono::milliseconds look_every = 30s;

}  // namespace

AbsenceWatch::AbsenceWatch(
    asio::io_context& loop, store::Writer& writer, int minutes, std::function<void(const PublishedEvent&)> publish)
    : loop_(loop), writer_(writer), longest_(minutes), publish_(std::move(publish)), timer_(loop) {}

void AbsenceWatch::start() {
  writer_.post([](store::Database& db) { store::restart_absences(db, utc_milliseconds()); });
  asio::co_spawn(loop_, run(), asio::detached);
}

void AbsenceWatch::stop() {
  stopped_ = true;
  timer_.cancel();
}

asio::awaitable<void> AbsenceWatch::run() {
  while (!stopped_) {
    std::function<store::AbsenceNews(store::Database&)> look = [longest = longest_](store::Database& db) {
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
    timer_.expires_after(look_every);
    (void)co_await timer_.async_wait(as_result);
  }
}

}  // namespace drydock::server
