// What a page shows of the fleet: lists come from the store, and of devices in memory what is fresher there. Called on
// the web server's threads.
#pragma once

#include "store/readers.hpp"
#include "store/device_list.hpp"
#include "service/loop_bridge.hpp"

#include <nlohmann/json.hpp>

namespace drydock::web {

class FleetView {
public:
  /// `away_days`: see store::away_before().
  FleetView(service::LoopBridge& bridge, store::Readers& readers, int away_days)
      : bridge_(bridge), readers_(readers), away_days_(away_days) {}

  /// {"revision", "paused", "devices": […], "next": null or where the next page begins}.
  Result<std::string> list(store::DeviceQuery query) const;

  /// One device with its steps and history, as the database has them. ErrorKind::not_found.
  Result<std::string> device(const std::string& id) const;

  /// What it would be sent if it had these files of the library for targets, by SHA-256: plan_as_json's object, with
  /// `downgrades`. ErrorKind::not_found.
  Result<std::string> plan(const std::string& id, const std::vector<std::string>& modules) const;

  /// {"membership", "paused", "connected", "devices", "states": {state: count}}. Counted once a second at
  /// the most, however many ask.
  std::string summary(const service::Snapshot& snapshot) const;

  /// A list of those of these devices that changed behind `revision`; empty when none did.
  std::string changed(const std::vector<std::string>& ids, std::uint64_t revision) const;

  /// Where machines share a database: a list of those of these devices that other machines have and that are not as
  /// `shown` says, which is brought up to date; empty when all are.
  std::string changed_elsewhere(const std::vector<std::string>& ids, std::map<std::string, std::string>& shown) const;

private:
  std::int64_t away_before() const;
  Result<server::DeviceView> load(store::Database& db, const std::string& id) const;

  service::LoopBridge& bridge_;
  store::Readers& readers_;
  int away_days_;
  mutable std::mutex counting_;
  mutable std::map<std::string, std::int64_t> counts_;
  mutable nlohmann::json stopped_rollouts_;
  mutable Clock::time_point counted_{};
};

}  // namespace drydock::web
