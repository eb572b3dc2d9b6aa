// PostgreSQL 15 or later, through libpq. Why not through SOCI, which has both engines: its blobs are large objects,
// which bytea columns refuse, it has no notifications, and it links libpq for everybody.
#pragma once

#include "store/engine.hpp"
#include "store/libpq.hpp"

#include <functional>
#include <optional>
#include <unordered_map>

namespace drydock::store {

class PostgresqlConnection final : public Connection {
public:
  /// Connects and, for read_write, creates and migrates the tables. Throws StoreError; Unavailable when the server
  /// cannot be reached. `url` as libpq takes it.
  static std::unique_ptr<PostgresqlConnection> open(const std::string& url, Access access);
  /// Connects alone.
  static std::unique_ptr<PostgresqlConnection> connect(const std::string& url);
  ~PostgresqlConnection() override;
  PostgresqlConnection(const PostgresqlConnection&) = delete;
  PostgresqlConnection& operator=(const PostgresqlConnection&) = delete;

  Engine engine() const override { return Engine::postgresql; }
  std::unique_ptr<Prepared> prepare(const std::string& sql) override;
  std::int64_t execute(const std::string& sql) override;
  /// Connects again where the connection was lost.
  void begin(Transaction kind) override;
  void commit() override;
  bool was_committed() override;
  void rollback() noexcept override;
  bool in_transaction() const override;
  void set_durable(bool durable) override { durable_ = durable; }
  void limit_lock_wait(std::chrono::milliseconds longest) override;
  void lock(const char* name) override;
  const char* share_rows() const override { return " FOR SHARE"; }
  const char* skip_locked_rows() const override { return " FOR UPDATE SKIP LOCKED"; }
  std::string name() override { return server_process_; }
  bool is_connected(const std::string& name) override;
  void write_as_node(std::int64_t id) override { node_ = id; }

  /// See Database::claim().
  bool claim(Claim kind, std::function<void()> taken);

  /// For LISTEN: readable when something arrived.
  int socket() const;
  struct Notification {
    std::string channel;
    std::string payload;
  };
  /// Takes what arrived; throws Unavailable.
  std::vector<Notification> take_notifications();

  /// For its statements: runs, and owns the result. Parameters as libpq takes them.
  struct Parameters {
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
  };
  using ResultPointer = std::unique_ptr<PGresult, decltype(&::PQclear)>;
  ResultPointer run(const std::string& sql, const Parameters& parameters);
  const Libpq& library() const { return pq_; }

private:
  explicit PostgresqlConnection(const std::string& url);
  ResultPointer checked(PGresult* result);
  void reconnect();
  void require_node();
  bool try_claim(Claim kind);
  void prepare_session();

  const Libpq& pq_;
  PGconn* connection_ = nullptr;
  bool durable_ = true;
  bool stale_ = false;  ///< another connection may lead to a server that writes
  std::optional<Claim> claim_;
  std::function<void()> taken_;  ///< whom to tell when the claim is lost
  std::int64_t node_ = 0;        ///< see write_as_node()
  std::string server_process_;   ///< that serves this connection: its id and beginning
  std::string in_doubt_;         ///< the transaction that was being committed when the connection was lost
  std::unordered_map<std::string, std::string> prepared_;  ///< SQL → its name at the server
};

}  // namespace drydock::store
