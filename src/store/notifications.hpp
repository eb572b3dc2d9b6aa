// What a PostgreSQL tells by itself, on a thread and a connection of their own, so that nothing else waits for it: that
// somebody changed something there, and what machines that share it say to each other.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace drydock::store {

class PostgresqlConnection;

class Notifications {
public:
  /// Both are called on the thread; `told` with what somebody gave to tell(), this one's own words too. Throws
  /// StoreError.
  Notifications(std::string url, std::function<void()> changed, std::function<void(std::string)> told);
  ~Notifications();
  Notifications(const Notifications&) = delete;
  Notifications& operator=(const Notifications&) = delete;

  /// Any thread: to everybody who listens now. Fewer than 8,000 bytes. Neither kept nor repeated: what cannot be said
  /// within a second or so is not said, and what comes late is not heard. False: too much waits.
  bool tell(std::string text);

private:
  struct Words {
    std::string text;
    std::chrono::steady_clock::time_point since;
  };
  void run();
  void connect();
  void look();
  void say();
  void wake();

  const std::string url_;
  const std::function<void()> changed_;
  const std::function<void(std::string)> told_;
  std::unique_ptr<PostgresqlConnection> connection_;  ///< empty while there is none
  std::string schema_;                                ///< whose words these are: a database may hold several fleets
  long long revision_ = 0;
  int wake_;  ///< an eventfd
  std::mutex mutex_;
  std::deque<Words> waiting_;      ///< guarded
  std::size_t waiting_bytes_ = 0;  ///< guarded
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace drydock::store
