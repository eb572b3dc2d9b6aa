// Decides for one connected device: what it gets next, and why.
#pragma once

#include "server/device_server.hpp"
#include "base/deadline_timer.hpp"

namespace drydock::server {

class DeviceUpdateController final : public device::UpdateController {
public:
  DeviceUpdateController(
      DeviceServer& server, transport::DeviceId id, std::uint64_t connection, store::Ownership ownership);
  ~DeviceUpdateController() override;

  bool awaits_approval(const device::ReportedState& reported) override;
  asio::awaitable<Result<device::Decision>> decide(const device::ReportedState& reported) override;
  bool persists_session() const override;
  void describe_failed(const Error& why) override;
  void progress(std::size_t bytes) override;
  asio::awaitable<void> transfer_finished(Result<transfer::Delivery> delivery) override;
  void session_ended(const Error& why) override;

private:
  /// Null once another connection of the device replaced this one, or the device was forgotten.
  DeviceEntry* entry();
  void record(log::Level level, const std::string& kind, const std::string& words);
  void save_reported_state(DeviceEntry& entry, const device::ReportedState& reported);
  asio::awaitable<Result<void>> reconcile(const device::ReportedState& reported);
  firmware::Inventory inventory_of(const device::ReportedState& reported);
  asio::awaitable<Result<device::Decision>> plan_next_step(const device::ReportedState& reported);
  asio::awaitable<Result<device::Decision>> load_image(planning::Step step, std::shared_ptr<transfer::ByteRate> rate);
  asio::awaitable<Result<device::Decision>> finish_update(
      std::string state, std::string words, std::string update_state);
  /// Why a person wants nothing sent to it now; empty: nobody does.
  std::string held_back(const DeviceEntry& m) const;
  struct Closed {
    std::string words;
    Clock::duration pause;  ///< look again then
  };
  /// Nothing when the device's hours are open for all of its plan.
  std::optional<Closed> closed_until(const DeviceEntry& m) const;
  void set_state(DeviceEntry& entry, const std::string& state, const std::string& words);
  void release_slot();
  void give_up_slot();
  void tell_pending(DeviceEntry& m, bool pending);
  void leave_queue();

  DeviceServer& server_;
  transport::DeviceId id_;
  std::uint64_t connection_;
  store::Ownership ownership_;
  std::optional<bool> told_pending_;  ///< whether there is an update, which its application holds off
  bool update_ended_ = false;         ///< the store was told so on this connection
  bool reconciled_ = false;           ///< the Describe at hand has been held against what was tried
  bool holds_slot_ = false;
  bool holds_turn_ = false;  ///< among all machines
  bool resets_without_reply_ = false;
  Boxed<Transfer> current_transfer_;
  std::optional<DeadlineTimer> stall_timer_;  ///< of a transfer: gives the slot back when it makes no progress
};

}  // namespace drydock::server
