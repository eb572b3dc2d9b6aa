// The module files themselves: state/firmware/<sha256>.bin, each written once and never changed.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace drydock::firmware {

/// Whether a symbolic link in the place of a file is followed. Not where root reads what another user may have put
/// there.
enum class Links { follow, refuse };

/// A whole file; ErrorKind::not_found, ErrorKind::too_large beyond `limit` bytes, ErrorKind::storage.
Result<Bytes> read_file(const std::filesystem::path& file, std::size_t limit, Links links = Links::follow);

enum class Readers { owner, everybody };

/// Written to a temporary name, synced, renamed: the name never stands for half a file, nor for one that others may not
/// yet read. Where the file system keeps no permissions, `readers` has no effect. ErrorKind::storage.
Result<void> write_file(const std::filesystem::path& file, ByteView content, Readers readers = Readers::owner);

/// Onto the disk with it; what was renamed in a folder lasts only then. Where it cannot be done nothing more can be
/// done about it.
void sync(const std::filesystem::path& file_or_folder);

/// All of it to an open file, through interruptions. False where it cannot be, with errno.
bool write_all(int fd, ByteView content);

class ModuleFiles {
public:
  /// Where a file comes from that is not in the folder, or damaged there: several appliances share a library that way.
  using Fetch = std::function<Result<Bytes>(const std::string& sha256)>;
  explicit ModuleFiles(std::filesystem::path folder, Fetch fetch = {})
      : folder_(std::move(folder)), fetch_(std::move(fetch)) {}

  std::filesystem::path path_of(const std::string& sha256) const { return folder_ / (sha256 + ".bin"); }
  /// Whether it had to be written: false when it was there, whole.
  Result<bool> save(const std::string& sha256, ByteView content) const;
  Result<void> remove(const std::string& sha256) const;

  /// Removes what a killed import left behind: temporary files that nobody has touched for an hour.
  void sweep() const;

  /// The file's bytes, checked against their name. One copy is shared by all that send it at the same time. Slow;
  /// may be called from any thread.
  Result<std::shared_ptr<const Bytes>> load(const std::string& sha256) const;

private:
  Result<Bytes> read(const std::string& sha256) const;

  std::filesystem::path folder_;
  Fetch fetch_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::weak_ptr<const Bytes>> in_use_;
};

}  // namespace drydock::firmware
