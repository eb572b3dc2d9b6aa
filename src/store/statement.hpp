// A statement on either engine, as the files of this layer use it.
#pragma once

#include "store/database.hpp"

#include <concepts>
#include <optional>

namespace drydock::store {

/// See engine.hpp for what its functions do.
class Statement {
public:
  Statement(Database& db, const std::string& sql) : prepared_(db.connection().prepare(sql)) {}

  template <std::integral T>
  void bind(int at, T value) {
    prepared_->bind(at, static_cast<std::int64_t>(value));
  }
  void bind(int at, std::string_view text) { prepared_->bind(at, text); }
  void bind(int at, const char* text) { prepared_->bind(at, std::string_view(text)); }
  void bind(int at, const std::string& text) { prepared_->bind(at, std::string_view(text)); }
  void bind(int at, const Bytes& bytes) { prepared_->bind(at, ByteView(bytes)); }
  void bind_null(int at) { prepared_->bind_null(at); }
  template <class T>
  void bind(int at, const std::optional<T>& value) {
    if (value)
      bind(at, *value);
    else
      bind_null(at);
  }

  bool step() { return prepared_->step(); }
  std::int64_t execute() { return prepared_->execute(); }
  /// What follows the rows that were wanted.
  void execute_rest() {
    while (prepared_->step()) {}
  }
  void reset() { prepared_->reset(); }

  bool is_null(int column) { return prepared_->is_null(column); }
  /// NULL is 0.
  template <std::integral T = std::int64_t>
  T integer(int column) {
    return static_cast<T>(prepared_->integer(column));
  }
  bool boolean(int column) { return prepared_->integer(column) != 0; }
  /// NULL is empty, as with bytes().
  std::string text(int column) { return prepared_->text(column); }
  Bytes bytes(int column) { return prepared_->bytes(column); }

private:
  std::unique_ptr<Prepared> prepared_;
};

/// The first column of the only row of a query without parameters.
std::int64_t query_integer(Database& db, const std::string& sql);

/// Undone unless commit() was called.
class Transaction {
public:
  Transaction(Database& db, Connection::Transaction kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

private:
  Connection& connection_;
  bool done_ = false;
};

/// A part of a transaction that can be undone alone, unless release() was called.
class Savepoint {
public:
  explicit Savepoint(Database& db);
  ~Savepoint();
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;
  void release();

private:
  Connection& connection_;
  bool done_ = false;
};

}  // namespace drydock::store
