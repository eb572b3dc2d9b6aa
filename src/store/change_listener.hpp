// A PostgreSQL tells by itself what the command line changed there: on a thread and a connection of its own, so that
// nothing else waits for it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace drydock::store {

class PostgresqlConnection;

class ChangeListener {
public:
  /// `changed` is called on the listener's thread. Throws StoreError.
  ChangeListener(std::string url, std::function<void()> changed);
  ~ChangeListener();
  ChangeListener(const ChangeListener&) = delete;
  ChangeListener& operator=(const ChangeListener&) = delete;

private:
  void run();
  void connect();
  void look();

  const std::string url_;
  const std::function<void()> changed_;
  std::unique_ptr<PostgresqlConnection> connection_;  ///< empty while there is none
  long long revision_ = 0;
  int wake_;  ///< an eventfd
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace drydock::store
