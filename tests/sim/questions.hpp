// Somebody who calls functions of devices all the while, whatever happens to them: each call ends once, and a result is
// the one that was asked for.
#pragma once

#include "server/device_calls.hpp"

#include <random>

namespace drydock::sim {

class Questions {
public:
  using Server = std::function<server::DeviceServer*()>;
  /// `server` says nothing while there is none.
  Questions(asio::io_context& loop, std::uint32_t seed, Server server)
      : dice_(seed), server_(std::move(server)), timer_(loop) {
    ask_later();
  }

  /// The last one was asked; those that wait end with their sessions.
  void stop() {
    stopped_ = true;
    timer_.cancel();
  }
  /// Once every session has ended; empty when nothing is wrong.
  std::string violation() const {
    if (!violation_.empty()) return violation_;
    return asked_ == answered_ ? "" : std::to_string(asked_ - answered_) + " calls never ended";
  }
  int returned() const { return returned_; }

private:
  void ask_later() {
    timer_.expires_after(std::chrono::seconds(1 + dice_() % 60));
    timer_.async_wait([this](asio::error_code error) {
      if (error || stopped_) return;
      if (auto* server = server_()) ask(*server);
      ask_later();
    });
  }
  void ask(server::DeviceServer& server) {
    server::DeviceRequest request;
    request.device.bytes[11] = static_cast<std::uint8_t>(1 + dice_() % 3);
    request.name = dice_() % 8 == 0 ? "sulk" : "brew";
    const auto number = static_cast<std::int32_t>(dice_() % 1'000);
    request.argument = std::to_string(number);
    ++asked_;
    const auto ends = std::make_shared<int>(0);
    server::ask_device(server, request, [this, ends, number](Result<device::VariableValue> result) {
      if (++*ends > 1) violation_ = "a call ended twice";
      ++answered_;
      returned_ += result ? 1 : 0;
      if (result && std::get<std::int32_t>(*result) != number) violation_ = "a call returned what another was asked";
    });
  }

  std::mt19937 dice_;
  Server server_;
  Timer timer_;
  int asked_ = 0;
  int answered_ = 0;
  int returned_ = 0;
  bool stopped_ = false;
  std::string violation_;
};

}  // namespace drydock::sim
