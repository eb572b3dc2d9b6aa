// The server: it lets devices in, knows which are connected, decides what each gets next, and sees to it that all is
// written down. Runs on one event loop.
#pragma once

#include "state/configuration.hpp"
#include "server/device_entry.hpp"
#include "server/pending_devices.hpp"
#include "server/device_repository.hpp"
#include "server/rejection_log.hpp"
#include "server/rollout_driver.hpp"
#include "server/subscription_index.hpp"
#include "server/update_slots.hpp"
#include "base/limits.hpp"
#include "base/listeners.hpp"
#include "base/loop_delay.hpp"
#include "device/session_host.hpp"
#include "server/events.hpp"
#include "server/other_nodes.hpp"
#include "server/vitals.hpp"
#include "firmware/files.hpp"
#include "transport/byte_stream.hpp"
#include "transport/resumable_channel.hpp"

#include <asio/io_context.hpp>
#include <deque>
#include <set>
#include <unordered_set>

namespace drydock::server {

/// What the server is made of. Everything must outlive it.
struct Services {
  asio::io_context& loop;
  store::Writer& writer;
  const firmware::ModuleFiles& files;
  const crypto::RsaPrivateKey& server_key;
  crypto::Random& random;
  crypto::Workers workers;
  std::int64_t node = 0;  ///< this machine among those that share the database; 0: there is no other
  std::function<bool(std::string)> tell_nodes = {};  ///< to all machines that share the database; empty: none do
};

class DeviceServer final : public device::SessionHost {
public:
  DeviceServer(Services services, state::Configuration configuration);
  ~DeviceServer() override;

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

  /// Somebody changed the database (a person by the page, the command line): looks at what was changed, and lets the
  /// devices be decided anew whose plan that can change.
  asio::awaitable<Result<void>> apply_changes();

  /// Devices that came to another machine: they are let go here.
  void release_wanted(const std::vector<std::string>& device_ids);
  /// Asked for a device that is wanted and not connected here; true: its session is ended first.
  void on_wanted(std::function<bool(const transport::DeviceId&)> let_go) { let_go_session_ = std::move(let_go); }
  /// A device that was claimed and came to no connection.
  void release_unused(const transport::DeviceId& device);
  /// People can see something new of devices that other machines have; so many are connected there.
  void note_others(std::size_t connected);
  /// The longest running time of any machine.
  void advance_uptime(std::int64_t running) { uptime_.advance_to(running); }
  std::int64_t running_time() const { return uptime_.now(); }
  std::int64_t node() const { return services_.node; }

  /// Begins no further step and lets idle devices go; transfers() falls to 0 as those that run come to their end.
  void begin_shutdown();
  std::size_t transfers() const;

  /// Devices whose update ran when the service before this one ended.
  std::vector<transport::DeviceId> take_unfinished() { return std::exchange(unfinished_, {}); }

  /// Closes every connection; sessions() falls to 0 soon after.
  void stop();
  std::size_t sessions() const { return sessions_.size(); }

  /// The devices in memory.
  const Fleet& fleet() const { return fleet_; }
  std::size_t connected() const { return connected_; }
  std::size_t connected_elsewhere() const { return connected_elsewhere_; }
  Clock::duration longest_delay() const { return delay_.longest(); }
  const UpdateSlots& update_slots() const { return update_slots_; }
  const firmware::Library& library() const { return library_; }
  bool paused() const { return paused_; }
  /// Of the whole fleet: no entry's is larger. Entries whose revision is larger than one seen before have changed
  /// since.
  std::uint64_t revision() const { return revision_; }
  /// How often other machines have told of something new.
  std::uint64_t others_revision() const { return told_by_others_; }
  /// Without what others have told of.
  std::uint64_t own_revision() const { return revision_ - told_by_others_; }
  /// Changes when a list of devices may be another: devices are new, forgotten or renamed, the library changes, or
  /// everything is paused.
  std::uint64_t membership_revision() const { return membership_revision_; }
  /// Whether the plan of some device in memory has this file in it.
  bool needs(const std::string& sha256) const;
  /// Something that people can see has changed: revision() tells what.
  Listeners<>& changed() { return changed_; }

  /// To the page and the API's streams, and to the devices that subscribe to it, on every machine.
  void publish(const PublishedEvent& event);
  const LastVitals& vitals() const { return vitals_; }
  /// What a device says of them, kept from now on; nothing when it cannot be read.
  const LastVitals::Entry* take_vitals(const transport::DeviceId& id, ByteView said);
  /// Nothing when there are none.
  OtherNodes* others() const { return others_.get(); }
  /// Somebody changed who is told outside.
  Listeners<>& integrations_changed() { return integrations_changed_; }
  /// Those published here: each is told of on one machine alone.
  Listeners<const PublishedEvent&>& own_events() { return own_events_; }
  /// Of all machines.
  Listeners<const PublishedEvent&>& heard_events() { return heard_events_; }

  // device::SessionHost
  const crypto::RsaPrivateKey& server_key() const override { return services_.server_key; }
  crypto::Random& random() override { return services_.random; }
  const crypto::Workers& workers() const override { return services_.workers; }
  AsyncSemaphore& handshakes() override { return handshakes_; }
  bool is_known_address(const std::string& peer) const override;
  bool offer_fast_ota() const override { return configuration_.fast_ota; }
  asio::awaitable<Result<Bytes>> admit(const transport::DeviceIdentity& identity) override;
  void connection_rejected(const Error& why, const std::string& peer) override;
  asio::awaitable<Result<std::unique_ptr<device::UpdateController>>> register_connection(
      const transport::DeviceIdentity& identity, device::DeviceProtocol& device, transport::Channel& channel) override;
  device::ProtocolCallbacks callbacks(const transport::DeviceId& id) override;

private:
  friend class DeviceUpdateController;

  asio::awaitable<void> run_session(std::shared_ptr<transport::ByteStream> stream);
  void let_go(transport::ResumableChannel& channel);
  void spawn_session(std::shared_ptr<transport::ResumableChannel> channel, bool calls);
  asio::awaitable<void> run_session(std::shared_ptr<transport::ResumableChannel> channel, bool calls);
  DeviceEntry* find(const transport::DeviceId& id);
  void wake_queued_devices();
  void interrupt_where(const std::function<bool(const DeviceEntry&)>& concerned);
  DeviceEntry& insert(const transport::DeviceId& id, DeviceRepository::StoredDevice stored);
  /// What the store has of a device that has proved its key, in memory from now on, and the right to write about it.
  asio::awaitable<Result<store::Ownership>> take_up(const transport::DeviceIdentity& identity);
  asio::awaitable<Result<DeviceRepository::Claimed>> claim(const transport::DeviceIdentity& identity);
  /// Its group, and what is said of its updates.
  void take_rules(const transport::DeviceId& id, DeviceRepository::Decided decided);
  void erase(const transport::DeviceId& id);
  void set_approval(DeviceEntry& entry, const std::string& approval);
  void forget_address(const std::string& address);
  PendingDevices pending_devices() const;
  /// Its connection has ended: it leaves memory when it does not come back soon.
  void forget_later(DeviceEntry& entry);
  void drop_absent_devices();
  asio::awaitable<Result<void>> apply_changes_behind_last();
  asio::awaitable<Result<void>> reload_library();
  /// Looks again where devices stand that are not connected, some at a time.
  void restate_absent();
  asio::awaitable<void> restate_absent_devices();
  void remove_copies(const firmware::Library& before, const firmware::Library& now);
  asio::awaitable<Result<void>> reload_settings();
  asio::awaitable<Result<void>> reload_devices(std::vector<transport::DeviceId> ids);
  void apply(const transport::DeviceId& id, DeviceRepository::Decided decided);
  void mark_changed(DeviceEntry& entry);
  void mark_membership_changed();
  /// A line of a device's history and log, within its budget; what is left out is counted. Devices that wait for
  /// approval leave none in the history.
  void record(DeviceEntry& entry, log::Level level, const std::string& kind, const std::string& words);
  /// The entry's row, within its budget: what comes too often is merged.
  void save(DeviceEntry& entry);
  void save_modules(DeviceEntry& entry);
  void schedule_merged_writes(const DeviceEntry& entry);
  void write_merged_changes(bool all);
  void expire_pending_devices();
  Result<void> admit_unknown_device(const transport::DeviceIdentity& identity, const std::string& address);
  Error reject_changed_key(DeviceEntry& entry, const Bytes& key);
  void track_replacement(DeviceEntry& entry);
  void note_health(DeviceEntry& entry, const std::string& event);
  void take_event(const transport::DeviceId& id, const device::Event& event);
  void take_claim_code(const transport::DeviceId& id, const std::string& code);
  asio::awaitable<void> claim_device(transport::DeviceId id, std::string code_sha256);
  void publish_here(const PublishedEvent& event);
  void note_subscription(const transport::DeviceId& id);
  /// The rate that devices of its rollout share: nullptr inside where there is none, nothing when as many share it as
  /// may.
  std::optional<std::shared_ptr<transfer::ByteRate>> join_rate(const planning::UpdatePolicy& policy);

  Services services_;
  state::Configuration configuration_;
  ServiceUptime uptime_;
  DeviceRepository repository_;
  Fleet fleet_;
  std::set<transport::DeviceId> pending_;            ///< of the fleet, those that wait for approval
  std::size_t connected_ = 0;                        ///< of the fleet
  std::size_t connected_elsewhere_ = 0;              ///< to other machines
  std::unordered_set<std::string> known_addresses_;  ///< where approved devices were last
  std::vector<transport::DeviceId> unfinished_;
  std::function<bool(const transport::DeviceId&)> let_go_session_;
  Listeners<const PublishedEvent&> own_events_;
  Listeners<const PublishedEvent&> heard_events_;
  Listeners<> changed_;
  Listeners<> integrations_changed_;
  std::int64_t last_change_ = 0;  ///< of the store's changes, the last that was looked at
  /// Who left, the first one first: some may be back.
  std::deque<std::pair<Clock::time_point, transport::DeviceId>> absent_;
  SubscriptionIndex subscriptions_;  ///< to other events than the system's
  LastVitals vitals_;
  std::set<transport::DeviceId> unsaved_;  ///< whose row or modules wait to be written
  TokenBuckets<std::string> new_device_budget_{
      {std::max<double>(limits::new_devices_at_once, configuration_.new_devices_per_minute),
          static_cast<double>(configuration_.new_devices_per_minute)},
      limits::addresses_remembered};
  TokenBucket pending_history_budget_{limits::history_rate};
  TokenBucket waiting_event_budget_{limits::waiting_event_rate};
  Timer merge_timer_;
  bool merge_scheduled_ = false;
  Timer expiry_timer_;
  Timer absence_timer_;
  firmware::Library library_;
  RejectionLog rejection_log_;
  RolloutDriver rollouts_;
  std::map<std::int64_t, std::weak_ptr<transfer::ByteRate>> rates_;  ///< by the rollout's number
  UpdateSlots update_slots_;
  LoopDelay delay_;
  AsyncSemaphore handshakes_{limits::handshakes_at_once};
  std::map<const void*, std::function<void()>> sessions_;  ///< how to close each
  std::uint64_t connections_ = 0;
  std::uint64_t revision_ = 0;
  std::uint64_t membership_revision_ = 0;
  std::uint64_t told_by_others_ = 0;  ///< of the revisions
  std::unique_ptr<OtherNodes> others_;
  bool paused_ = false;
  bool restating_ = false;
  bool restate_again_ = false;
  bool stopping_ = false;
};

}  // namespace drydock::server
