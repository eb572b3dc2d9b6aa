#include "service/systemd_notifier.hpp"

#include <condition_variable>
#include <mutex>

namespace drydock::service {

void SystemdNotifier::ready() {
  systemd::notify("READY=1");
  const auto time = systemd::watchdog_time();
  if (!time || stopped_) return;
  pause_ = *time / 3;  // two may be late
  send_watchdog_ping();
}

void SystemdNotifier::send_watchdog_ping() {
  systemd::notify("WATCHDOG=1");
  timer_.expires_after(pause_);
  timer_.async_wait([this](asio::error_code error) {
    if (!error && !stopped_) send_watchdog_ping();
  });
}

void SystemdNotifier::pausing() {
  stopped_ = true;
  if (systemd::watchdog_time()) systemd::notify("WATCHDOG=1");
  timer_.cancel();
}

void SystemdNotifier::stopping() {
  stopped_ = true;
  systemd::notify("STOPPING=1");
  timer_.cancel();
}

WatchdogPings::WatchdogPings()
    : thread_([](const std::stop_token& stop) {
        const auto time = systemd::watchdog_time();
        std::mutex mutex;
        std::condition_variable_any ended;
        std::unique_lock lock(mutex);
        while (time && !stop.stop_requested()) {
          systemd::notify("WATCHDOG=1");
          ended.wait_for(lock, stop, *time / 3, [] { return false; });
        }
      }) {}

}  // namespace drydock::service
