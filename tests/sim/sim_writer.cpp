#include "sim/sim_writer.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

namespace drydock::sim {

void SimWriter::submit(Job job) {
  std::optional<Error> error;
  if (dead()) {
    error = Error{Kind::storage, "the power is gone"};
  } else {
    try {
      SQLite::Transaction transaction(db_.sql());
      job.work(db_);
      transaction.commit();
    } catch (const std::exception& e) {
      error = Error{Kind::storage, e.what()};
    }
    ++commits_;
  }
  if (job.done) asio::post(home_, [done = std::move(job.done), error = std::move(error)]() mutable { done(std::move(error)); });
}

}  // namespace drydock::sim

namespace drydock::sim {

void plant_forgotten_attempts(store::Database& db) {
  db.sql().exec("CREATE TRIGGER plant_insert AFTER INSERT ON attempts BEGIN UPDATE attempts SET count = 0 WHERE sha256 = NEW.sha256; END;"
                "CREATE TRIGGER plant_update AFTER UPDATE OF count ON attempts WHEN NEW.count > 0 BEGIN UPDATE attempts SET count = 0 WHERE sha256 = NEW.sha256; END;");
}

}  // namespace drydock::sim
