#include "state/state_folder.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace drydock::state {

Result<void> StateFolder::create() const {
  for (const auto& folder : {root, firmware()}) {
    std::error_code error;
    std::filesystem::create_directories(folder.parent_path(), error);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
      return failure(ErrorKind::storage,
          fmt::format("the state folder {} cannot be made: {}. Choose another with --state or state.folder",
              folder.string(), std::strerror(errno)));
    if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0)
      return failure(ErrorKind::storage,
          fmt::format("the state folder {} cannot be used: {}", folder.string(), std::strerror(errno)));
  }
  return {};
}

bool StateFolder::exists() const {
  return std::filesystem::exists(store_url.empty() ? database() : server_key());
}

void StateFolder::touch_changed() const {
  const int fd = ::open(changed().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  ::futimens(fd, nullptr);
  ::close(fd);
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

Result<ServiceLock> ServiceLock::take(const StateFolder& folder) {
  const int fd = ::open(folder.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return failure(ErrorKind::storage, fmt::format("{}: {}", folder.lock().string(), std::strerror(errno)));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return failure(ErrorKind::conflict, fmt::format("another Drydock is running on {}", folder.root.string()));
  }
  return ServiceLock(fd);
}

bool ServiceLock::is_taken(const StateFolder& folder) {
  const int fd = ::open(folder.lock().c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool taken = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
  ::close(fd);
  return taken;
}

ServiceLock::ServiceLock(ServiceLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
ServiceLock::~ServiceLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace drydock::state
