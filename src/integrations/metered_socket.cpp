#include "integrations/metered_socket.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace drydock::integrations {
namespace {

// What the kernel keeps for a connection that is read slowly.
constexpr int receive_buffer = 64 * 1024;

bool try_again() {
  return errno == EAGAIN || errno == EINTR;
}

tl::unexpected<Error> no_descriptors() {
  return failure(ErrorKind::internal, std::string("no socket is to be had: ") + std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<MeteredSocket>> MeteredSocket::take_over(int socket) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) return no_descriptors();
  const int network = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (network < 0 || ::dup3(pair[1], socket, O_CLOEXEC) < 0) {
    auto failed = no_descriptors();
    for (const int one : {network, pair[0], pair[1]})
      if (one >= 0) ::close(one);
    return failed;
  }
  ::close(pair[1]);
  ::fcntl(network, F_SETFL, ::fcntl(network, F_GETFL) | O_NONBLOCK);
  ::setsockopt(network, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  return std::unique_ptr<MeteredSocket>(new MeteredSocket(network, pair[0], socket));
}

// With what the library wrote last: its goodbye.
MeteredSocket::~MeteredSocket() {
  carry_out();
  ::close(inner_);
  ::close(network_);
}

MeteredSocket::Ready MeteredSocket::exchange(bool wants_to_write, std::chrono::milliseconds longest) {
  const auto events = [](bool reads, bool writes) {
    return static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
  };
  std::array<pollfd, 3> waited{{{network_, events(in_.empty() && !ended_, !out_.empty()), 0},
      {inner_, events(out_.empty(), !in_.empty()), 0}, {library_, events(true, wants_to_write), 0}}};
  if (waited[0].events == 0) waited[0].fd = -1;  // an end would be told of again and again
  if (::poll(waited.data(), waited.size(), static_cast<int>(longest.count())) <= 0) return {};
  carry_out();
  pollfd library{library_, events(true, wants_to_write), 0};
  ::poll(&library, 1, 0);
  // It may read one packet at a time.
  if ((library.revents & POLLIN) == 0) {
    carry_in();
    ::poll(&library, 1, 0);
  }
  return {(library.revents & (POLLIN | POLLHUP | POLLERR)) != 0, (library.revents & POLLOUT) != 0};
}

// False: `from` has ended.
bool MeteredSocket::fill(Buffer& buffer, int from) {
  if (!buffer.empty()) return true;
  const auto got = ::recv(from, buffer.bytes.data(), buffer.bytes.size(), 0);
  if (got < 0) return try_again();
  buffer.begin = 0;
  buffer.end = static_cast<std::size_t>(got);
  return got > 0;
}

// False: nobody reads `to` any more.
bool MeteredSocket::empty(Buffer& buffer, int to) {
  while (!buffer.empty()) {
    const auto sent = ::send(to, buffer.bytes.data() + buffer.begin, buffer.end - buffer.begin, MSG_NOSIGNAL);
    if (sent < 0) return try_again();
    buffer.begin += static_cast<std::size_t>(sent);
  }
  return true;
}

void MeteredSocket::carry_out() {
  while (empty(out_, network_) && out_.empty() && fill(out_, inner_) && !out_.empty()) {}
}

void MeteredSocket::carry_in() {
  if (!ended_ && in_.empty()) {
    ended_ = !fill(in_, network_);
    received_ += in_.end - in_.begin;
  }
  empty(in_, inner_);
  if (ended_ && in_.empty()) ::shutdown(inner_, SHUT_WR);
}

}  // namespace drydock::integrations
