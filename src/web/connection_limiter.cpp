#include "web/connection_limiter.hpp"

#include <algorithm>
#include <array>
#include <arpa/inet.h>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace drydock::web {
namespace {

using Name = int (*)(int, sockaddr*, socklen_t*);

// "192.168.1.5" or "::1", and the port, of one end of a connection over IP; an empty address for anything else.
std::pair<std::string, int> end_of(int fd, Name name) {
  sockaddr_storage end{};
  socklen_t size = sizeof end;
  if (name(fd, reinterpret_cast<sockaddr*>(&end), &size) != 0) return {"", 0};
  char text[INET6_ADDRSTRLEN] = "";
  if (end.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(end);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {text, ntohs(v4.sin_port)};
  }
  if (end.ss_family != AF_INET6) return {"", 0};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(end);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return {text, ntohs(v6.sin6_port)};
}

std::vector<int> connections_to(const std::vector<std::uint16_t>& local_ports) {
  std::vector<int> list;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    const int fd = std::atoi(entry->path().filename().c_str());
    const int port = end_of(fd, ::getsockname).second;
    const bool ours = std::find(local_ports.begin(), local_ports.end(), port) != local_ports.end();
    if (ours && !end_of(fd, ::getpeername).first.empty()) list.push_back(fd);
  }
  return list;
}

}  // namespace

void ConnectionLimiter::mark_known(const std::string& address) {
  constexpr std::size_t remembered = 1'000;
  const std::lock_guard lock(mutex_);
  if (!known_.insert(address).second) return;
  known_since_.push_back(address);
  if (known_since_.size() <= remembered) return;
  known_.erase(known_since_.front());
  known_since_.pop_front();
}

bool ConnectionLimiter::is_known(const std::string& address) const {
  const std::lock_guard lock(mutex_);
  return known_.contains(address) || std::find(exempt_.begin(), exempt_.end(), address) != exempt_.end();
}

namespace {

// -1: it is not there any more.
int connection_of(const ConnectionLimiter::Peer& peer, std::uint16_t local_port) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    const int fd = std::atoi(entry->path().filename().c_str());
    if (end_of(fd, ::getpeername) == peer && end_of(fd, ::getsockname).second == local_port) return fd;
  }
  return -1;
}

}  // namespace

int ConnectionLimiter::take_over(const Peer& peer, std::uint16_t local_port) {
  const int fd = connection_of(peer, local_port);
  std::array<int, 2> pair{};
  if (fd < 0 || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return -1;
  ::close(pair[1]);
  {
    const std::lock_guard lock(mutex_);
    taken_over_.insert(peer);
  }
  const int taken = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  // What CivetWeb shuts and closes now is the other one; the number in between belongs to nobody else.
  if (taken >= 0) ::dup3(pair[0], fd, O_CLOEXEC);
  ::close(pair[0]);
  if (taken < 0) forget(peer);
  return taken;
}

void ConnectionLimiter::forget(const Peer& peer) {
  const std::lock_guard lock(mutex_);
  taken_over_.erase(peer);
}

void ConnectionLimiter::stop_reading(const Peer& peer, std::uint16_t local_port) {
  if (const int fd = connection_of(peer, local_port); fd >= 0) ::shutdown(fd, SHUT_RD);
}

void ConnectionLimiter::end(const Peer& peer, std::uint16_t local_port) {
  if (const int fd = connection_of(peer, local_port); fd >= 0) ::shutdown(fd, SHUT_RDWR);
}

void ConnectionLimiter::busy(const Peer& peer, bool is_busy) {
  const std::lock_guard lock(mutex_);
  if (is_busy)
    busy_.insert(peer);
  else
    busy_.erase(peer);
}

void ConnectionLimiter::opened(const std::vector<std::uint16_t>& local_ports) {
  if (++open_ <= limits_.per_unknown_address) return;
  const std::lock_guard lock(mutex_);
  std::map<Peer, std::uint64_t> came;
  std::vector<std::pair<Peer, int>> connections;
  for (const int fd : connections_to(local_ports)) {
    auto peer = end_of(fd, ::getpeername);
    if (taken_over_.contains(peer)) continue;
    const auto before = came_.find(peer);
    came[peer] = before == came_.end() ? ++arrivals_ : before->second;
    connections.emplace_back(std::move(peer), fd);
  }
  came_ = std::move(came);
  std::sort(connections.begin(), connections.end(),
      [&](const auto& a, const auto& b) { return came_.at(a.first) < came_.at(b.first); });
  std::vector<Place> places;
  std::erase_if(connections, [&](const auto& connection) {
    auto address = address_of_(connection.first);
    if (std::find(exempt_.begin(), exempt_.end(), address) != exempt_.end()) return true;
    const bool known = known_.contains(address);
    places.push_back({std::move(address), known, busy_.contains(connection.first)});
    return false;
  });
  for (const auto i : places_to_give_up(places, limits_)) {
    const auto& [peer, fd] = connections[i];
    if (end_of(fd, ::getpeername) == peer) ::shutdown(fd, SHUT_RDWR);
  }
}

}  // namespace drydock::web
