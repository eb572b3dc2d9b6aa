// Loaded into the real binary (LD_PRELOAD): counts SQLite's commits and kills the process before or after a chosen one.
// A commit is a frame in the write-ahead log whose header tells the database's size
// (https://www.sqlite.org/fileformat2.html#walformat). KILLED_AT = "before N" | "after N" | "never"; COMMITS_TO = a
// file that gets the count so far.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace {

constexpr std::size_t frame_header = 24;

bool is_log(int fd) {
  char link[64], name[512];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const auto length = ::readlink(link, name, sizeof name);
  return length > 4 && std::memcmp(name + length - 4, "-wal", 4) == 0;
}

bool is_commit(const void* bytes, std::size_t size) {
  constexpr char nothing[4] = {};
  return size == frame_header && std::memcmp(static_cast<const char*>(bytes) + 4, nothing, 4) != 0;
}

void note(long commits) {
  const char* file = std::getenv("COMMITS_TO");
  if (file == nullptr) return;
  const int fd = ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const auto text = std::to_string(commits);
  if (fd < 0 || ::write(fd, text.data(), text.size()) < 0) std::abort();
  ::close(fd);
}

void die() {
  ::kill(::getpid(), SIGKILL);
}

}  // namespace

extern "C" ssize_t pwrite64(int fd, const void* bytes, std::size_t size, off64_t at) {
  static const auto real =
      reinterpret_cast<ssize_t (*)(int, const void*, std::size_t, off64_t)>(::dlsym(RTLD_NEXT, "pwrite64"));
  static const char* when = std::getenv("KILLED_AT");
  static const bool before = when != nullptr && std::strncmp(when, "before", 6) == 0;
  static const long at_commit = when != nullptr && std::strchr(when, ' ') ? std::atol(std::strchr(when, ' ')) : 0;
  static long commits = 0;
  static bool page_follows = false;  // the frame's page is written by the next call

  if (is_commit(bytes, size) && is_log(fd)) {
    note(++commits);
    if (before && commits == at_commit) die();
    page_follows = true;
    return real(fd, bytes, size, at);
  }
  const auto written = real(fd, bytes, size, at);
  if (page_follows && !before && commits == at_commit) die();
  page_follows = false;
  return written;
}
