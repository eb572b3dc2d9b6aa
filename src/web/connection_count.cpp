#include "web/connection_count.hpp"

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
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end; entry.increment(error)) {
    const int fd = std::atoi(entry->path().filename().c_str());
    if (end_of(fd, ::getsockname).second == local_port && !end_of(fd, ::getpeername).first.empty()) list.push_back(fd);
  }
  return list;
}

}  // namespace

void ConnectionCount::opened(std::uint16_t local_port) {
  if (++open_ <= most_) return;
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::vector<std::pair<Peer, int>>> by_address;
  for (const int fd : connections_to(local_port)) {
    auto peer = end_of(fd, ::getpeername);
    auto& list = by_address[peer.first];
    list.emplace_back(std::move(peer), fd);
  }
  std::set<Peer> remain;
  for (auto& [address, list] : by_address) {
    const bool free = std::find(exempt_.begin(), exempt_.end(), address) != exempt_.end();
    // Those that were here before keep their places.
    std::stable_sort(list.begin(), list.end(), [&](const auto& a, const auto& b) { return seen_.contains(a.first) && !seen_.contains(b.first); });
    int count = 0;
    for (const auto& [peer, fd] : list) {
      if (free || ++count <= most_) remain.insert(peer);
      else if (end_of(fd, ::getpeername) == peer) ::shutdown(fd, SHUT_RDWR);
    }
  }
  seen_ = std::move(remain);
}

}  // namespace drydock::web
