// One connected device's place in the appliance: what it gets next, and why.
#pragma once

#include "appliance/appliance.hpp"
#include "base/watchdog.hpp"

namespace drydock::appliance {

class ApplianceBerth final : public device::Berth {
public:
  ApplianceBerth(Appliance& appliance, transport::DeviceId id, std::uint64_t connection);
  ~ApplianceBerth() override;

  bool awaits_approval(const device::Facts& facts) override;
  asio::awaitable<Result<device::Decision>> decide(const device::Facts& facts) override;
  bool keeps_session() const override;
  void undescribed(const Error& why) override;
  void progress(std::size_t bytes) override;
  asio::awaitable<void> sent(Result<transfer::Delivery> delivery) override;
  void leaving(const Error& why) override;

private:
  /// Nothing once another connection of the device took this one's place, or the device was forgotten.
  FleetMember* member();
  void record(log::Level level, const std::string& kind, const std::string& words);
  void take_note(FleetMember& member, const device::Facts& facts);
  asio::awaitable<Result<void>> judge(const device::Facts& facts);
  asio::awaitable<Result<device::Decision>> choose(const device::Facts& facts);
  asio::awaitable<Result<device::Decision>> load_image(planning::Step step);
  asio::awaitable<Result<device::Decision>> settle(std::string state, std::string words, std::string update_state);
  void set_state(FleetMember& member, const std::string& state, const std::string& words);
  void free_turn();
  void stand_back();

  Appliance& appliance_;
  transport::DeviceId id_;
  std::uint64_t connection_;
  bool judged_ = false;    ///< the Describe at hand has been held against what was tried
  bool has_turn_ = false;
  bool resets_without_a_word_ = false;
  std::optional<Transfer> sending_;
  Watchdog stall_;         ///< gives the turn back when a transfer makes no progress
};

}  // namespace drydock::appliance
