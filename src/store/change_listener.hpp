// A PostgreSQL tells by itself what the command line changed there: on a thread and a connection of its own, so that
// nothing else waits for it. The connection also keeps a second service away from the same database.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace drydock::store {

class Database;
class PostgresqlConnection;

/// Keeps other services away from this database for as long as the connection lasts. False: one is there already. Of a
/// SQLite file the state folder's lock says so.
bool claim(Database& db);

class ChangeListener {
public:
  struct Told {
    std::function<void()> changed;  ///< somebody changed something; called on the listener's thread
    std::function<void()> taken;    ///< while the connection was lost another service took the database
  };
  /// Throws StoreError, also when another service uses the database.
  ChangeListener(std::string url, Told told);
  ~ChangeListener();
  ChangeListener(const ChangeListener&) = delete;
  ChangeListener& operator=(const ChangeListener&) = delete;

private:
  void run();
  void connect();
  void look();

  const std::string url_;
  const Told told_;
  std::unique_ptr<PostgresqlConnection> connection_;  ///< empty while there is none
  long long revision_ = 0;
  int wake_;  ///< an eventfd
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace drydock::store
