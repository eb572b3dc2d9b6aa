// Databases to look at from any thread, beside the writer's.
#pragma once

#include "store/database.hpp"

#include <mutex>
#include <vector>

namespace drydock::store {

class Readers {
public:
  explicit Readers(Location location) : location_(std::move(location)) {}

  /// One to read from, until it goes.
  class Lease {
  public:
    Lease(Readers& readers, Database db) : readers_(readers), db_(std::move(db)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { readers_.give_back(std::move(db_)); }
    Database& operator*() { return db_; }

  private:
    Readers& readers_;
    Database db_;
  };

  /// A file is opened anew: that costs little, and nothing while nobody looks. Of PostgreSQL connections some are kept.
  /// Throws StoreError; Unavailable when the server cannot be reached.
  Lease lease() { return Lease(*this, take()); }

private:
  Database take();
  void give_back(Database db);

  const Location location_;
  std::mutex mutex_;
  std::vector<Database> idle_;
};

}  // namespace drydock::store
