// What the service manager is told: that the service is ready, that its event loop goes round, that it stops. A loop
// that is stuck says nothing, and is restarted.
#pragma once

#include "base/clock.hpp"
#include "base/systemd.hpp"

#include <asio/any_io_executor.hpp>
#include <thread>

namespace drydock::service {

class SystemdNotifier {
public:
  explicit SystemdNotifier(asio::any_io_executor loop) : timer_(std::move(loop)) {}

  void ready();
  /// From now on nobody is told anything: the service manager has its own limit for stopping.
  void stopping();
  /// Another Service begins in this process: who has said to stop would be killed after a while.
  void pausing();

private:
  void send_watchdog_ping();

  Timer timer_;
  Clock::duration pause_{};
  bool stopped_ = false;
};

/// Signs of life while no event loop runs, for what takes longer than the service manager waits for one.
class WatchdogPings {
public:
  WatchdogPings();

private:
  std::jthread thread_;
};

}  // namespace drydock::service
