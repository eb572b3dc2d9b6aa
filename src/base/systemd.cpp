#include "base/systemd.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fmt/core.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace drydock::systemd {
namespace {

constexpr const char* journal_socket = "/run/systemd/journal/socket";

bool send(std::string_view path, std::string_view datagram) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';  // in the abstract name space
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const auto sent =
      ::sendto(fd, datagram.data(), datagram.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
  ::close(fd);
  return sent == static_cast<ssize_t>(datagram.size());
}

template <class Number>
std::optional<Number> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  Number number{};
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), number);
  return error == std::errc{} && *end == '\0' ? std::optional(number) : std::nullopt;
}

}  // namespace

void notify(std::string_view state) {
  if (const char* socket = std::getenv("NOTIFY_SOCKET")) (void)send(socket, state);
}

std::optional<std::chrono::microseconds> watchdog_time() {
  const auto time = number_in<std::int64_t>("WATCHDOG_USEC");
  if (!time || *time <= 0) return std::nullopt;
  if (const auto process = number_in<pid_t>("WATCHDOG_PID"); process && *process != ::getpid()) return std::nullopt;
  return std::chrono::microseconds(*time);
}

// The variable names device and inode, so that one inherited by chance says nothing.
bool under_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat error {};
  return stream != nullptr && ::fstat(STDERR_FILENO, &error) == 0 &&
      fmt::format("{}:{}", error.st_dev, error.st_ino) == stream;
}

bool send_to_journal(const std::vector<Field>& fields) {
  std::string datagram;
  for (const auto& [name, value] : fields) datagram += fmt::format("{}={}\n", name, value);
  return send(journal_socket, datagram);
}

}  // namespace drydock::systemd
