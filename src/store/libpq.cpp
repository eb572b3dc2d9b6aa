#include "store/libpq.hpp"

#include "base/shared_library.hpp"
#include "store/engine.hpp"

namespace drydock::store {
namespace {

Libpq load_library() {
  SharedLibrary library({"libpq.so.5"});
  Libpq pq{};
  library.find(pq.connect, "PQconnectdbParams");
  library.find(pq.finish, "PQfinish");
  library.find(pq.reset, "PQreset");
  library.find(pq.status, "PQstatus");
  library.find(pq.socket, "PQsocket");
  library.find(pq.error_message, "PQerrorMessage");
  library.find(pq.exec, "PQexec");
  library.find(pq.exec_params, "PQexecParams");
  library.find(pq.prepare, "PQprepare");
  library.find(pq.exec_prepared, "PQexecPrepared");
  library.find(pq.result_status, "PQresultStatus");
  library.find(pq.error_field, "PQresultErrorField");
  library.find(pq.clear, "PQclear");
  library.find(pq.rows, "PQntuples");
  library.find(pq.value, "PQgetvalue");
  library.find(pq.length, "PQgetlength");
  library.find(pq.is_null, "PQgetisnull");
  library.find(pq.changed_rows, "PQcmdTuples");
  library.find(pq.consume_input, "PQconsumeInput");
  library.find(pq.notifies, "PQnotifies");
  library.find(pq.free_memory, "PQfreemem");
  library.find(pq.set_notice_processor, "PQsetNoticeProcessor");
  library.find(pq.transaction_status, "PQtransactionStatus");
  library.find(pq.parse_url, "PQconninfoParse");
  library.find(pq.free_options, "PQconninfoFree");
  if (!library.complete())
    throw StoreError("the PostgreSQL client library is not there: install it with 'sudo apt install libpq5'");
  return pq;
}

}  // namespace

const Libpq& Libpq::load() {
  static const Libpq library = load_library();
  return library;
}

}  // namespace drydock::store
