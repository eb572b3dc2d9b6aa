// Beats for this machine, on a thread and a connection of its own: nothing that is written makes it look gone. It beats
// only while the event loop answers, for that is what the others rely on.
#pragma once

#include "base/clock.hpp"
#include "server/membership.hpp"

#include <asio/io_context.hpp>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace drydock::service {

class NodeHeartbeat {
public:
  /// All are called on the loop.
  struct Callbacks {
    std::function<server::Membership::Report()> report;
    std::function<void(const server::Membership::Round&)> beaten;
    /// The others took this machine for gone: nothing is its own any more, and it beats no longer.
    std::function<void()> taken_for_gone;
  };
  /// `self` as it was added.
  NodeHeartbeat(asio::io_context& loop, store::Location location, store::NodeRow self, Callbacks callbacks);
  ~NodeHeartbeat();
  NodeHeartbeat(const NodeHeartbeat&) = delete;
  NodeHeartbeat& operator=(const NodeHeartbeat&) = delete;

  /// Any thread: whether the others cannot have taken this machine for gone.
  bool may_send() const;

private:
  void run();
  void beat();
  /// Asks the loop for its next report, and hands over what a beat brought.
  void tell_loop(std::optional<server::Membership::Round> round);

  asio::io_context& loop_;
  const store::Location location_;
  server::Membership membership_;
  const std::shared_ptr<Callbacks> callbacks_;  ///< empty functions once this is gone
  std::optional<store::Database> db_;
  bool told_ = false;                  ///< that it does not beat
  std::atomic<Clock::rep> beaten_at_;  ///< before the last beat that counted
  std::mutex mutex_;
  std::condition_variable wake_;
  server::Membership::Report report_;  ///< guarded, as the two below
  bool loop_answered_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace drydock::service
