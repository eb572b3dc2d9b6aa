// A disk in memory that SQLite writes to through a VFS of its own. It can fail or lose its power at a chosen write or
// sync, be full for a while, and it forgets what was not synced when the power goes.
#pragma once

#include "base/bytes.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace drydock::sim {

class Disk {
public:
  /// What `store::Database::open` is given to use the disk that was inserted last. One disk at a time.
  static constexpr const char* vfs_name = "simulated-disk";

  explicit Disk(unsigned seed);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  /// Writes, syncs, truncations and deletions so far.
  std::size_t operations() const { return operations_; }

  /// From operation `at` on nothing is written any more.
  void lose_power_at(std::size_t at) { power_until_ = at; }
  bool has_power() const { return operations_ < power_until_; }

  /// Operations `from` to `from + count - 1` fail: as on a full disk, or as on a broken one.
  enum class Fault { full, broken };
  void fail(std::size_t from, std::size_t count, Fault fault);

  /// The process died and the machine lives: everything written is there.
  void restart_process();
  /// The machine died: of what was not synced a random part is there, writes torn and in any order.
  void restart_machine();

  /// The files as they are now, for a disk that starts with them.
  std::map<std::string, Bytes> contents() const;
  void put(const std::string& name, const Bytes& content);

  struct File;

private:
  friend struct Vfs;
  bool allowed(int& code);  ///< counts an operation
  std::shared_ptr<File> open(const std::string& name);

  std::map<std::string, std::shared_ptr<File>> files_;
  std::mt19937 dice_;
  std::size_t operations_ = 0;
  std::size_t power_until_ = SIZE_MAX;
  std::size_t fail_from_ = SIZE_MAX;
  std::size_t fail_until_ = SIZE_MAX;
  Fault fault_ = Fault::full;
};

}  // namespace drydock::sim
