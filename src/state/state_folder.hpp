// Where things lie below the state folder, and who may use it.
#pragma once

#include "base/result.hpp"
#include "store/database.hpp"

#include <filesystem>

namespace drydock::state {

struct StateFolder {
  std::filesystem::path root;
  std::string store_url = {};  ///< of a PostgreSQL that is used instead of the database in here; empty: there is none
  store::Location location() const { return {database(), store_url}; }
  /// SQLite's file.
  std::filesystem::path database() const { return root / "drydock.db"; }
  std::filesystem::path firmware() const { return root / "firmware"; }
  std::filesystem::path server_key() const { return root / "server_key.pem"; }
  std::filesystem::path udp_server_key() const { return root / "server_key_udp.pem"; }
  std::filesystem::path lock() const { return root / "lock"; }
  /// Touched by the command line when it has changed the database, so that a running service looks.
  std::filesystem::path changed() const { return root / "changed"; }

  /// Makes the folder, for its owner only, and those below it. ErrorKind::storage says what is wrong.
  Result<void> create() const;
  /// Whether there is one at all.
  bool exists() const;
  void touch_changed() const;
};

/// As this machine calls itself.
std::string host_name();

/// Held by the running service for as long as the object lives.
class ServiceLock {
public:
  /// ErrorKind::conflict when another service has it.
  static Result<ServiceLock> take(const StateFolder& folder);
  static bool is_taken(const StateFolder& folder);
  ServiceLock(ServiceLock&&) noexcept;
  ServiceLock& operator=(ServiceLock&&) = delete;
  ~ServiceLock();

private:
  explicit ServiceLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace drydock::state
