#include "firmware/files.hpp"

#include "base/limits.hpp"
#include "crypto/hash.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drydock::firmware {
namespace {

class Descriptor {
public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

private:
  int fd_;
};

tl::unexpected<Error> system_failure(const std::filesystem::path& file, const char* what) {
  const int number = errno;
  const auto kind = number == ENOENT ? ErrorKind::not_found : ErrorKind::storage;
  return failure(kind, fmt::format("{} {}: {}", file.string(), what, std::strerror(number)));
}

}  // namespace

bool write_all(int fd, ByteView content) {
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content = content.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

Result<Bytes> read_file(const std::filesystem::path& file, std::size_t limit, Links links) {
  // A pipe that somebody named on purpose is waited for; one that lies in a folder is not.
  const bool given = file.string().starts_with("/dev/") || file.string().starts_with("/proc/");
  const Descriptor in(::open(
      file.c_str(), O_RDONLY | O_CLOEXEC | (given ? 0 : O_NONBLOCK) | (links == Links::refuse ? O_NOFOLLOW : 0)));
  if (!in.open()) return system_failure(file, "cannot be opened");
  struct stat status {};
  if (::fstat(in.get(), &status) != 0) return system_failure(file, "cannot be read");
  if (S_ISDIR(status.st_mode)) return failure(ErrorKind::malformed, file.string() + " is a folder, not a file");
  if (!S_ISREG(status.st_mode) && !given) return failure(ErrorKind::malformed, file.string() + " is no regular file");
  Bytes content;
  for (;;) {
    std::uint8_t chunk[65536];
    const auto got = ::read(in.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure(file, "cannot be read");
    if (got == 0) return content;
    if (content.size() + static_cast<std::size_t>(got) > limit)
      return failure(ErrorKind::too_large, fmt::format("{} is larger than the {} bytes allowed", file.string(), limit));
    append(content, ByteView(chunk, static_cast<std::size_t>(got)));
  }
}

Result<void> write_file(const std::filesystem::path& file, ByteView content, Readers readers) {
  const auto folder = file.parent_path();
  auto temporary = (folder / ("." + file.filename().string() + ".XXXXXX")).string();
  const Descriptor out(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!out.open()) return system_failure(file, "cannot be written");
  if (readers == Readers::everybody) ::fchmod(out.get(), 0644);
  if (!write_all(out.get(), content) || ::fsync(out.get()) != 0 || ::rename(temporary.c_str(), file.c_str()) != 0) {
    auto error = system_failure(file, "cannot be written");
    ::unlink(temporary.c_str());
    return error;
  }
  sync(folder);
  return {};
}

void sync(const std::filesystem::path& file_or_folder) {
  const Descriptor descriptor(::open(file_or_folder.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.open()) ::fsync(descriptor.get());
}

Result<bool> ModuleFiles::save(const std::string& sha256, ByteView content) const {
  // One that was damaged on the disk is written anew: that is what people are told to do about it.
  const auto stored = read_file(path_of(sha256), limits::module_file);
  if (stored && std::equal(stored->begin(), stored->end(), content.begin(), content.end())) return false;
  if (auto written = write_file(path_of(sha256), content); !written) return tl::unexpected(written.error());
  return true;
}

Result<void> ModuleFiles::remove(const std::string& sha256) const {
  if (::unlink(path_of(sha256).c_str()) != 0 && errno != ENOENT)
    return system_failure(path_of(sha256), "cannot be removed");
  return {};
}

void ModuleFiles::sweep() const {
  constexpr auto long_ago = std::chrono::hours(1);
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    const auto touched = entry->last_write_time(gone);
    const bool temporary = entry->path().filename().string().starts_with('.');
    if (temporary && !gone && std::filesystem::file_time_type::clock::now() - touched > long_ago)
      std::filesystem::remove(entry->path(), gone);
  }
}

Result<Bytes> ModuleFiles::read(const std::string& sha256) const {
  auto content = read_file(path_of(sha256), limits::module_file, Links::refuse);
  if (content && to_hex(crypto::sha256(*content)) != sha256)
    return failure(
        ErrorKind::storage, fmt::format("{} was damaged on disk: add the module again", path_of(sha256).string()));
  return content;
}

Result<std::shared_ptr<const Bytes>> ModuleFiles::load(const std::string& sha256) const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = in_use_.find(sha256);
    if (found != in_use_.end())
      if (auto shared = found->second.lock()) return shared;
  }
  auto content = read(sha256);
  if (!content && fetch_) {
    content = fetch_(sha256);
    if (content) (void)save(sha256, *content);  // without a copy it is fetched again the next time
  }
  if (!content) return tl::unexpected(content.error());
  auto shared = std::make_shared<const Bytes>(std::move(*content));
  const std::lock_guard lock(mutex_);
  std::erase_if(in_use_, [](const auto& entry) { return entry.second.expired(); });
  in_use_[sha256] = shared;
  return shared;
}

}  // namespace drydock::firmware
