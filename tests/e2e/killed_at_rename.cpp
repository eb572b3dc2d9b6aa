// Loaded into the real binary (LD_PRELOAD): counts renames and syncs and kills the process before or after a chosen
// one, or makes it fail. KILLED_AT = "before N" | "after N" | "fail N"; COUNT_TO = a file that gets the count so far.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace {

void note(long count) {
  const char* file = std::getenv("COUNT_TO");
  if (file == nullptr) return;
  const int fd = ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const auto text = std::to_string(count);
  if (fd < 0 || ::write(fd, text.data(), text.size()) < 0) std::abort();
  ::close(fd);
}

// Of renames and syncs together, in the order in which they come.
long count = 0;

template <class Call>
int counted(Call call) {
  static const char* when = std::getenv("KILLED_AT");
  static const long at = when != nullptr && std::strchr(when, ' ') ? std::atol(std::strchr(when, ' ')) : 0;
  note(++count);
  const bool now = when != nullptr && count == at;
  if (now && std::strncmp(when, "fail", 4) == 0) {
    errno = ENOSPC;
    return -1;
  }
  if (now && std::strncmp(when, "before", 6) == 0) ::kill(::getpid(), SIGKILL);
  const int result = call();
  if (now) ::kill(::getpid(), SIGKILL);
  return result;
}

}  // namespace

extern "C" int rename(const char* from, const char* to) {
  static const auto real = reinterpret_cast<int (*)(const char*, const char*)>(::dlsym(RTLD_NEXT, "rename"));
  return counted([&] { return real(from, to); });
}

extern "C" int fsync(int fd) {
  static const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fsync"));
  return counted([&] { return real(fd); });
}
