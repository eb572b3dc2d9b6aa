#include "service/node_heartbeat.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"
#include "store/statement.hpp"

#include <asio/post.hpp>
#include <utility>

namespace drydock::service {

NodeHeartbeat::NodeHeartbeat(asio::io_context& loop, store::Location location, store::NodeRow self, Callbacks callbacks)
    : loop_(loop),
      location_(std::move(location)),
      membership_(std::move(self)),
      callbacks_(std::make_shared<Callbacks>(std::move(callbacks))),
      beaten_at_(Clock::now().time_since_epoch().count()) {
  tell_loop(std::nullopt);
  thread_ = std::thread([this] { run(); });
}

NodeHeartbeat::~NodeHeartbeat() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  *callbacks_ = {};
}

bool NodeHeartbeat::may_send() const {
  return Clock::now().time_since_epoch() - Clock::duration(beaten_at_.load()) < limits::node_may_send;
}

void NodeHeartbeat::tell_loop(std::optional<server::Membership::Round> round) {
  asio::post(loop_, [this, callbacks = callbacks_, round = std::move(round)] {
    if (!callbacks->report) return;
    if (round && !round->alive) return callbacks->taken_for_gone();
    if (round) callbacks->beaten(*round);
    const std::lock_guard lock(mutex_);
    report_ = callbacks->report();
    loop_answered_ = true;
  });
}

void NodeHeartbeat::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, limits::node_beat, [this] { return stopping_; });
      if (stopping_) return;
      if (!std::exchange(loop_answered_, false)) continue;
    }
    beat();
  }
}

void NodeHeartbeat::beat() {
  std::optional<server::Membership::Round> round;
  try {
    server::Membership::Report report;
    {
      const std::lock_guard lock(mutex_);
      report = report_;
    }
    if (!db_) {
      db_.emplace(store::Database::open(location_, store::Access::read_write, store::Moved::allow));
      db_->connection().limit_lock_wait(limits::node_gone);
    }
    const auto began = Clock::now();
    db_->connection().set_durable(false);
    store::Transaction transaction(*db_, store::Connection::Transaction::writes);
    round = membership_.beat(*db_, report, began, utc_milliseconds());
    transaction.commit();
    if (round->alive) beaten_at_ = began.time_since_epoch().count();
    told_ = false;
  } catch (const std::exception& e) {
    const auto silent = Clock::now().time_since_epoch() - Clock::duration(beaten_at_.load());
    if (silent >= limits::node_gone && !std::exchange(told_, true))
      log::warning("this machine cannot tell the others that it is there, and sends nothing over UDP: {}", e.what());
    round.reset();
    db_.reset();
  }
  tell_loop(std::move(round));
}

}  // namespace drydock::service
