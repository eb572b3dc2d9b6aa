#include "store/statement.hpp"

namespace drydock::store {

std::int64_t query_integer(Database& db, const std::string& sql) {
  Statement s(db, sql);
  if (!s.step()) throw StoreError("no row: " + sql);
  return s.integer(0);
}

Transaction::Transaction(Database& db, Connection::Transaction kind) : connection_(db.connection()) {
  connection_.begin(kind);
}

Transaction::~Transaction() {
  if (!done_) connection_.rollback();
}

void Transaction::commit() {
  connection_.commit();
  done_ = true;
}

Savepoint::Savepoint(Database& db) : connection_(db.connection()) {
  connection_.execute("SAVEPOINT part");
}

Savepoint::~Savepoint() {
  if (done_ || !connection_.in_transaction()) return;
  try {
    connection_.execute("ROLLBACK TO SAVEPOINT part");
    connection_.execute("RELEASE SAVEPOINT part");
  } catch (const std::exception&) {
    connection_.rollback();  // nothing of the transaction can be kept then
  }
}

void Savepoint::release() {
  connection_.execute("RELEASE SAVEPOINT part");
  done_ = true;
}

}  // namespace drydock::store
