#include "web/connection_limiter.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <netinet/in.h>
#include <sys/socket.h>

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

std::vector<int> connections_to(std::uint16_t local_port) {
  std::vector<int> list;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    const int fd = std::atoi(entry->path().filename().c_str());
    if (end_of(fd, ::getsockname).second == local_port && !end_of(fd, ::getpeername).first.empty()) list.push_back(fd);
  }
  return list;
}

}  // namespace

void ConnectionLimiter::mark_known(const std::string& address) {
  constexpr std::size_t remembered = 1'000;
  const std::lock_guard lock(mutex_);
  if (known_.size() < remembered) known_.insert(address);
}

void ConnectionLimiter::stop_reading(const std::string& address, int port, std::uint16_t local_port) {
  const Peer peer(address, port);
  for (const int fd : connections_to(local_port))
    if (end_of(fd, ::getpeername) == peer) ::shutdown(fd, SHUT_RD);
}

void ConnectionLimiter::opened(std::uint16_t local_port) {
  if (++open_ <= limits_.per_unknown_address) return;
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<Peer, int>> connections;
  for (const int fd : connections_to(local_port)) connections.emplace_back(end_of(fd, ::getpeername), fd);
  // Those that were here before keep their places.
  std::stable_sort(connections.begin(), connections.end(),
      [&](const auto& a, const auto& b) { return seen_.contains(a.first) && !seen_.contains(b.first); });
  std::set<Peer> remain;
  std::map<std::string, int> of_address;
  int unknown_addresses = 0;
  for (const auto& [peer, fd] : connections) {
    const auto& address = peer.first;
    const bool exempt = std::find(exempt_.begin(), exempt_.end(), address) != exempt_.end();
    const bool known = exempt || known_.contains(address);
    const int count = ++of_address[address];
    const bool stays = exempt ||
        (known ? count <= limits_.per_known
               : count <= limits_.per_unknown_address && unknown_addresses < limits_.unknown_addresses);
    if (stays) {
      unknown_addresses += !known;
      remain.insert(peer);
    } else if (end_of(fd, ::getpeername) == peer) {
      ::shutdown(fd, SHUT_RDWR);
    }
  }
  seen_ = std::move(remain);
}

}  // namespace drydock::web
