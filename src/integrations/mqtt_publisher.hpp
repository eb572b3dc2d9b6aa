// Keeps a broker told of the fleet, on a thread of its own: what differs from what was published last is published, as
// fast as the broker acknowledges it. A broker that is away costs nothing but a try now and then; when it is back it is
// told all anew. What waits is bounded: ids of devices, and so many events.
#pragma once

#include "base/limits.hpp"
#include "base/token_bucket.hpp"
#include "integrations/home_assistant.hpp"
#include "integrations/mqtt_connection.hpp"
#include "server/events.hpp"
#include "server/vitals.hpp"
#include "service/loop_bridge.hpp"
#include "store/readers.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace drydock::integrations {

class MqttPublisher {
public:
  struct Services {
    service::LoopBridge& bridge;
    Listeners<const server::PublishedEvent&>& events;
    store::Location location;
    std::string machine;  ///< that this runs on, for people
    std::string page;     ///< its address; empty: nobody said
    int away_days = 0;    ///< see store::away_before()
  };
  /// Before the loop runs. Throws std::runtime_error for a configuration that cannot be used.
  MqttPublisher(const Libmosquitto& library, Services services, const state::Configuration::Mqtt& configuration);
  /// After the bridge was closed.
  ~MqttPublisher();

  /// Any thread: {"broker", "connected", "problem"}.
  nlohmann::json status() const;

private:
  struct Received {
    std::string topic;
    std::string payload;
    bool retained = false;
  };
  struct OutgoingEvent {
    std::string topic;
    std::string payload;
  };

  void run();
  /// Until that time is over, or this is to end.
  void rest(std::chrono::milliseconds time);
  void on_connected();
  void on_received(const std::string& topic, std::string payload, bool retained);
  void hear(const server::PublishedEvent& event);
  /// Which devices are to be looked at again.
  void note_changes();
  void note_vitals();
  void note_all_devices();
  /// For who asks the database: 'drydock status'.
  void note_problem();
  /// What another configuration left at the broker.
  void find_former_topics();
  void clear_former_topics();
  void publish_fleet();
  void publish_devices();
  void publish_device(const std::string& id, const std::optional<server::DeviceView>& view);
  void publish_events();
  /// Unless it is what was published there last.
  void publish(const std::string& topic, const std::string& payload);
  void forget(const std::string& id);
  void install(const std::string& id);
  Result<void> change(service::LoopBridge::Work work);
  /// `words`: of what was done.
  void tell(const std::string& what, const Result<void>& done, const char* words = "done");
  void left_out(const std::string& topic, const std::string& why);
  bool resets(const std::string& id, const server::DeviceView& view);

  Services services_;
  state::Configuration::Mqtt configuration_;
  HomeAssistant home_assistant_;
  store::Readers readers_;
  std::unique_ptr<MqttConnection> connection_;

  std::map<std::string, std::size_t> published_;  ///< by topic, a hash of what stands there
  std::map<std::string, nlohmann::json> vitals_;  ///< diagnostics_of() them, by device
  /// Within an update, until when it is believed; nothing: it is no more.
  std::map<std::string, std::optional<Clock::time_point>> resetting_;
  TokenBucket left_out_lines_{limits::Rate{1, 6}};
  std::set<std::string> known_;  ///< devices that were told of
  std::set<std::string> dirty_;  ///< that are to be looked at
  std::uint64_t seen_ = 0;
  std::uint64_t membership_ = 0;
  std::uint64_t others_ = 0;
  bool all_due_ = true;
  bool status_due_ = false;  ///< somebody else has written there
  std::optional<std::string> noted_problem_;
  Clock::time_point problem_noted_at_{};
  Clock::time_point looked_at_{};
  Clock::time_point listed_at_{};
  Clock::time_point fleet_at_{};
  bool places_known_ = false;                       ///< the store has where the fleet is told of
  std::optional<std::vector<std::string>> former_;  ///< topics to be cleared; nothing: not looked for yet
  Clock::time_point tidy_until_{};                  ///< leftovers of devices that are gone are listened for
  TokenBucket command_budget_{limits::mqtt_command_rate};
  std::vector<Received> received_;  ///< and not worked on yet

  mutable std::mutex mutex_;
  std::deque<OutgoingEvent> events_;         ///< guarded
  std::map<std::string, std::string> said_;  ///< guarded: vitals, by device
  nlohmann::json status_;                    ///< guarded
  std::atomic<bool> stopping_{false};
  std::condition_variable stop_;
  std::shared_ptr<void> listening_;
  std::thread thread_;
};

}  // namespace drydock::integrations
