#include "integrations/reachable_address.hpp"

#include "base/clock.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace drydock::integrations {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 3s;
constexpr int look_milliseconds = 100;

// Empty: it answers.
std::string try_address(const addrinfo& at, const std::function<bool()>& stopping) {
  const int fd = ::socket(at.ai_family, at.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at.ai_protocol);
  if (fd < 0) return std::strerror(errno);
  int error = ::connect(fd, at.ai_addr, at.ai_addrlen) == 0 ? 0 : errno;
  for (const auto until = Clock::now() + patience; error == EINPROGRESS;) {
    pollfd waited{fd, POLLOUT, 0};
    if (::poll(&waited, 1, look_milliseconds) > 0) {
      socklen_t size = sizeof error;
      ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    } else if (stopping() || Clock::now() >= until) {
      error = ETIMEDOUT;
    }
  }
  ::close(fd);
  return error == 0 ? "" : std::strerror(error);
}

}  // namespace

Result<ReachableAddress> find_reachable_address(
    const std::string& host, int port, const std::function<bool()>& stopping) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); failed != 0)
    return failure(ErrorKind::closed, ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  std::string words = "it has no address";
  for (const auto* at = list.get(); at != nullptr && !stopping(); at = at->ai_next) {
    words = try_address(*at, stopping);
    if (!words.empty()) continue;
    std::array<char, NI_MAXHOST> text{};
    ::getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
    return ReachableAddress{text.data(), at == list.get()};
  }
  return failure(ErrorKind::closed, words);
}

}  // namespace drydock::integrations
