#include "appliance/supervision.hpp"

namespace drydock::appliance {

void Supervision::ready() {
  systemd::notify("READY=1");
  const auto time = systemd::watchdog_time();
  if (!time || stopped_) return;
  pause_ = *time / 3;   // two may be late
  say_alive();
}

void Supervision::say_alive() {
  systemd::notify("WATCHDOG=1");
  timer_.expires_after(pause_);
  timer_.async_wait([this](asio::error_code error) {
    if (!error && !stopped_) say_alive();
  });
}

void Supervision::stopping() {
  stopped_ = true;
  systemd::notify("STOPPING=1");
  timer_.cancel();
}

}  // namespace drydock::appliance
