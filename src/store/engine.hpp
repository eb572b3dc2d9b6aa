// What a database engine gives this layer: prepared statements with parameters, and transactions. There are two: SQLite
// in sqlite_engine.cpp, PostgreSQL in postgresql_engine.cpp. The SQL of this layer is written once, in what both take:
// parameters as ? or ?1, upserts with a conflict target, RETURNING, no scalar max(), no INSERT OR.
#pragma once

#include "base/bytes.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace drydock::store {

/// Cannot be opened, is not ours, is damaged, is newer than this program: the message says which and what to do.
class StoreError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The server of the database cannot be reached just now, or refuses whatever it is asked: the fault is not the
/// statement's, and what was not committed is undone. It can be tried again.
class Unavailable : public StoreError {
public:
  using StoreError::StoreError;
};

/// Two transactions waited for each other, and this one was undone: it can be tried again at once.
class Contended : public Unavailable {
public:
  using Unavailable::Unavailable;
};

enum class Engine { sqlite, postgresql };
enum class Access { read_only, read_write };

/// Services share a database; who replaces all that is in it is alone there.
enum class Claim { shared, exclusive };

/// A statement at one engine. Parameters count from 1, columns from 0. Functions throw StoreError, or what the engine's
/// library throws, which is a std::exception too.
class Prepared {
public:
  virtual ~Prepared() = default;
  virtual void bind(int at, std::int64_t value) = 0;
  virtual void bind(int at, std::string_view text) = 0;
  virtual void bind(int at, ByteView bytes) = 0;
  virtual void bind_null(int at) = 0;
  /// To the next row; false: there is none.
  virtual bool step() = 0;
  /// To its end, whatever rows it gives. How many rows it changed.
  virtual std::int64_t execute() = 0;
  /// To before its beginning, with the parameters it has.
  virtual void reset() = 0;
  virtual bool is_null(int column) = 0;
  virtual std::int64_t integer(int column) = 0;  ///< truth is 1 or 0
  virtual std::string text(int column) = 0;
  virtual Bytes bytes(int column) = 0;
};

class Connection {
public:
  virtual ~Connection() = default;
  virtual Engine engine() const = 0;
  virtual std::unique_ptr<Prepared> prepare(const std::string& sql) = 0;
  /// One statement or several, without parameters. How many rows the last one changed.
  virtual std::int64_t execute(const std::string& sql) = 0;

  enum class Transaction { reads, writes };
  virtual void begin(Transaction kind) = 0;
  virtual void commit() = 0;
  /// After Unavailable from commit(): whether it took effect all the same. Unavailable while nobody can say.
  virtual bool was_committed() { return false; }
  /// Never throws: a transaction that cannot be undone by command is undone by the connection's end.
  virtual void rollback() noexcept = 0;
  virtual bool in_transaction() const = 0;
  /// Whether the next transaction must be on disk when commit() returns.
  virtual void set_durable(bool durable) = 0;
  /// Until the connection is made anew: what waits longer for a lock of somebody else fails.
  virtual void limit_lock_wait(std::chrono::milliseconds longest) = 0;
  /// Waits for whoever holds the same name in another transaction, and holds it until this one ends: SQLite has one
  /// writer, which needs none.
  virtual void lock(const char* name) = 0;

  /// What follows a SELECT whose rows nobody may change before the transaction ends. SQLite has one writer.
  virtual const char* share_rows() const { return ""; }
  /// Likewise, of rows to be changed: those that others are changing are left out.
  virtual const char* skip_locked_rows() const { return ""; }
  /// This connection, as the database's server knows it.
  virtual std::string name() { return ""; }
  /// Whether the server knows a connection of that name.
  virtual bool is_connected(const std::string& /*name*/) { return true; }
  /// From now on nothing is written by this connection unless that node is there still: Unavailable.
  virtual void write_as_node(std::int64_t /*id*/) {}
};

}  // namespace drydock::store
