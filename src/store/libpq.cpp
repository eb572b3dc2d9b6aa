#include "store/libpq.hpp"

#include "store/engine.hpp"

#include <dlfcn.h>

namespace drydock::store {
namespace {

template <class Function>
void find(void* library, Function& function, const char* name) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) throw StoreError(std::string("the PostgreSQL client library lacks ") + name);
}

Libpq load_library() {
  void* library = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw StoreError("the PostgreSQL client library is not there: install it with 'sudo apt install libpq5'");
  Libpq pq{};
  find(library, pq.connect, "PQconnectdbParams");
  find(library, pq.finish, "PQfinish");
  find(library, pq.reset, "PQreset");
  find(library, pq.status, "PQstatus");
  find(library, pq.socket, "PQsocket");
  find(library, pq.error_message, "PQerrorMessage");
  find(library, pq.exec, "PQexec");
  find(library, pq.exec_params, "PQexecParams");
  find(library, pq.prepare, "PQprepare");
  find(library, pq.exec_prepared, "PQexecPrepared");
  find(library, pq.result_status, "PQresultStatus");
  find(library, pq.error_field, "PQresultErrorField");
  find(library, pq.clear, "PQclear");
  find(library, pq.rows, "PQntuples");
  find(library, pq.value, "PQgetvalue");
  find(library, pq.length, "PQgetlength");
  find(library, pq.is_null, "PQgetisnull");
  find(library, pq.changed_rows, "PQcmdTuples");
  find(library, pq.consume_input, "PQconsumeInput");
  find(library, pq.notifies, "PQnotifies");
  find(library, pq.free_memory, "PQfreemem");
  find(library, pq.set_notice_processor, "PQsetNoticeProcessor");
  find(library, pq.transaction_status, "PQtransactionStatus");
  find(library, pq.parse_url, "PQconninfoParse");
  find(library, pq.free_options, "PQconninfoFree");
  return pq;
}

}  // namespace

const Libpq& Libpq::load() {
  static const Libpq library = load_library();
  return library;
}

}  // namespace drydock::store
