// A PostgreSQL tells by itself what the command line changed there: on a thread and a connection of its own, so that
// nothing else waits for it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace drydock::store {

class Database;
class PostgresqlConnection;

class ChangeListener {
public:
  /// Both are called on the listener's thread; `told` with what tell_nodes() was given, by whichever machine. Throws
  /// StoreError.
  ChangeListener(std::string url, std::function<void()> changed, std::function<void(std::string)> told);
  ~ChangeListener();
  ChangeListener(const ChangeListener&) = delete;
  ChangeListener& operator=(const ChangeListener&) = delete;

private:
  void run();
  void connect();
  void look();

  const std::string url_;
  const std::function<void()> changed_;
  const std::function<void(std::string)> told_;
  std::string schema_;                                ///< whose messages these are: a database may hold several fleets
  std::unique_ptr<PostgresqlConnection> connection_;  ///< empty while there is none
  long long revision_ = 0;
  int wake_;  ///< an eventfd
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

/// To everybody who listens now, when the transaction is committed. Fewer than 8,000 bytes.
void tell_nodes(Database& db, const std::string& text);

}  // namespace drydock::store
