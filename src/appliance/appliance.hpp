// The house: it lets devices in, knows which are connected, decides what each gets next, and sees to it that all is
// written down. Runs on one event loop.
#pragma once

#include "appliance/configuration.hpp"
#include "appliance/fleet.hpp"
#include "appliance/journal.hpp"
#include "appliance/refusals.hpp"
#include "appliance/turns.hpp"
#include "base/limits.hpp"
#include "device/dock.hpp"
#include "firmware/files.hpp"
#include "transport/byte_stream.hpp"
#include "transport/resumable_channel.hpp"

#include <asio/io_context.hpp>

namespace drydock::appliance {

/// What the appliance is made of. Everything must outlive it.
struct Services {
  asio::io_context& loop;
  store::Writer& writer;
  const firmware::ModuleFiles& files;
  const crypto::RsaPrivateKey& server_key;
  crypto::Random& random;
  crypto::Workshop workshop;
  std::function<void()> on_change = {};   ///< something that people can see has changed: revision() tells what
};

class Appliance final : public device::Dock {
public:
  Appliance(Services services, Configuration configuration);
  ~Appliance() override;

  /// Loads what the store knows and recovers from whatever ended the last run. Call once, before anything connects.
  asio::awaitable<Result<void>> start();

  /// Serves a connection until its end, in a coroutine of its own.
  void serve(std::shared_ptr<transport::ByteStream> stream);
  /// Likewise for a UDP device that has begun to speak.
  void serve(std::shared_ptr<transport::ResumableChannel> channel);
  /// Begins to speak to one that has a session, and serves it if it answers.
  void call(std::shared_ptr<transport::ResumableChannel> channel);
  /// A UDP device that did not get through its handshake.
  void handshake_failed(const Error& why, const std::string& peer);

  /// Somebody else changed the database (the command line did): looks again, and lets every device be decided anew.
  asio::awaitable<Result<void>> reload();

  /// Begins no further step and lets idle devices go; transfers() falls to 0 as those that run come to their end.
  void wind_down();
  std::size_t transfers() const;

  /// What the store kept says that this device has a session: it may be heard from at any time.
  void note_session(const transport::DeviceId& id);

  /// Closes every connection; sessions() falls to 0 soon after.
  void stop();
  std::size_t sessions() const { return sessions_.size(); }

  const Fleet& fleet() const { return fleet_; }
  const firmware::Catalogue& catalogue() const { return catalogue_; }
  bool paused() const { return paused_; }
  /// Of the whole house: no member's is larger. Members whose revision is larger than one seen before have changed since.
  std::uint64_t revision() const { return revision_; }
  /// Changes when devices come or go, the catalogue changes, or everything is paused.
  std::uint64_t structure() const { return structure_; }
  /// Whether some device's plan or wish has this file in it.
  bool needs(const std::string& sha256) const;
  void on_change(std::function<void()> told) { services_.on_change = std::move(told); }

  // device::Dock
  const crypto::RsaPrivateKey& server_key() const override { return services_.server_key; }
  crypto::Random& random() override { return services_.random; }
  const crypto::Workshop& workshop() const override { return services_.workshop; }
  Turnstile& handshakes() override { return handshakes_; }
  bool knows_address(const std::string& peer) const override;
  bool offer_fast_ota() const override { return configuration_.fast_ota; }
  Result<Bytes> admit(const transport::Claim& claim, const std::string& peer) override;
  void turned_away(const Error& why, const std::string& peer) override;
  asio::awaitable<Result<std::unique_ptr<device::Berth>>> berth(const transport::Claim& claim, const device::Hello& hello,
                                                                transport::Channel& channel) override;
  device::Bystander bystander(const transport::DeviceId& id) override;

private:
  friend class ApplianceBerth;

  asio::awaitable<void> run_session(std::shared_ptr<transport::ByteStream> stream);
  void attend(std::shared_ptr<transport::ResumableChannel> channel, bool calls);
  asio::awaitable<void> run_session(std::shared_ptr<transport::ResumableChannel> channel, bool calls);
  FleetMember* find(const transport::DeviceId& id);
  void call_waiting();
  void nudge_all();
  void touch(FleetMember& member);
  void touch_structure();
  /// A line of a device's history and log, within its budget; what is left out is counted. Devices that wait for approval leave
  /// none in the history.
  void record(FleetMember& member, log::Level level, const std::string& kind, const std::string& words);
  /// The member's row, within its budget: what comes too often is merged.
  void save(FleetMember& member);
  void save_modules(FleetMember& member);
  void merge_soon();
  void write_merged(bool all);
  void tidy_up();
  Result<void> enrol(const transport::Claim& claim, const std::string& address);
  Error refuse_key(FleetMember& member, const Bytes& key);
  void note_replaced(FleetMember& member);

  Services services_;
  Configuration configuration_;
  RunningTime running_;
  Journal journal_;
  Fleet fleet_;
  Budgets<std::string> enrolments_{limits::unknown_rate, limits::addresses_remembered};
  Budget pending_lines_{limits::lines};
  Timer merging_;
  bool merges_ = false;
  Timer tidying_;
  firmware::Catalogue catalogue_;
  Refusals refusals_;
  Turns turns_;
  Turnstile handshakes_{limits::handshakes_at_once};
  std::map<const void*, std::function<void()>> sessions_;   ///< how to close each
  std::uint64_t connections_ = 0;
  std::uint64_t revision_ = 0;
  std::uint64_t structure_ = 0;
  bool paused_ = false;
  bool stopping_ = false;
};

}  // namespace drydock::appliance
