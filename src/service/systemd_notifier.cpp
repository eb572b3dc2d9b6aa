#include "service/systemd_notifier.hpp"

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

void SystemdNotifier::stopping() {
  stopped_ = true;
  systemd::notify("STOPPING=1");
  timer_.cancel();
}

}  // namespace drydock::service
