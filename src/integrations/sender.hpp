// Sends what waits in the store to whom it is for, on a thread of its own: each receiver gets one message at a time, in
// order, and holds up nobody else. What was sent and is not written down yet when the program is killed is sent again;
// its id says so.
#pragma once

#include "base/clock.hpp"
#include "base/token_bucket.hpp"
#include "integrations/delivery_schedule.hpp"
#include "integrations/message_client.hpp"
#include "store/integrations.hpp"
#include "store/readers.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace drydock::integrations {

class Sender {
public:
  struct Options {
    store::Location location;
    std::int64_t node = 0;
    Appliance appliance;
    std::vector<std::string> private_networks;
    Clock::duration retry{};
    /// Writes it before it returns. False: it was not written. On the sender's thread.
    std::function<bool(std::function<void(store::Database&)>)> write;
  };
  explicit Sender(Options options);
  ~Sender();

  /// Any thread: nothing more begins, and nobody waits for a test any more.
  void stop();

  /// Any thread: there is more to send, or integrations were changed.
  void wake();
  /// Any thread: a person does not want to wait for what this one is to be told.
  void hurry(std::int64_t integration);

  /// Any thread: sends a message that is a test, and waits for what becomes of it. ErrorKind::not_found: libcurl is not
  /// installed.
  Result<void> test(const store::Integration& integration);

private:
  struct Test {
    Message message;
    std::optional<Result<void>> outcome;  ///< guarded
  };
  struct Batch {
    std::vector<store::Delivery> deliveries;
    Clock::duration digest{};
    std::string name;  ///< of the integration
  };
  struct Ended {
    std::int64_t integration = 0;
    Batch batch;
    Outcome outcome;
  };

  bool load_client();
  void run();
  void work(std::chrono::milliseconds longest);
  void look();
  void begin(const store::Integration& integration, store::Database& db, bool urgent);
  void begin_tests();
  void take(std::int64_t key, Outcome outcome);
  void write_down();
  void tell_given_up(const Ended& ended, std::size_t events);
  std::chrono::milliseconds time_to_next() const;

  Options options_;
  store::Readers readers_;
  std::map<std::int64_t, DeliverySchedule> schedules_;  ///< by integration
  std::map<std::int64_t, std::string> settings_;        ///< likewise, with the digest, as they were last
  Clock::time_point urgent_looked_at_{};
  Clock::time_point urgent_at_ = Clock::time_point::max();  ///< when to look for what cannot wait for its digest
  std::map<std::int64_t, Batch> under_way_;                 ///< likewise
  std::deque<Ended> ended_;                                 ///< and not written down yet
  std::map<std::int64_t, std::shared_ptr<Test>> tests_;     ///< under way, by a key below 0
  std::int64_t last_test_ = 0;
  struct GivenUp {
    std::size_t events = 0;  ///< and not told yet
    TokenBucket lines{limits::Rate{1, 1}};
  };
  std::map<std::int64_t, GivenUp> given_up_;  ///< by integration

  std::mutex mutex_;
  std::unique_ptr<MessageClient> client_;  ///< set under the mutex, by the thread
  std::string problem_;                    ///< guarded: why nothing can be sent
  std::condition_variable tested_;
  std::vector<std::shared_ptr<Test>> asked_;  ///< guarded
  std::set<std::int64_t> hurried_;            ///< guarded
  std::atomic<bool> look_{true};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace drydock::integrations
