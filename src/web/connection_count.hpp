// Keeps one address from taking all threads of the page's server: each connection holds one, from before its first byte on.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace drydock::web {

class ConnectionCount {
public:
  /// Of addresses in `exempt` any number may come.
  ConnectionCount(int most_per_address, std::vector<std::string> exempt) : most_(most_per_address), exempt_(std::move(exempt)) {}

  /// A connection to this local port has come. When its address has too many, the newest are ended. They are found among this process's
  /// descriptors: when CivetWeb tells of a new connection it tells neither its descriptor nor its address, and takes no for no answer.
  void opened(std::uint16_t local_port);
  void closed() { --open_; }

private:
  using Peer = std::pair<std::string, int>;   // address and port
  int most_;
  std::vector<std::string> exempt_;
  std::atomic<int> open_{0};
  std::mutex mutex_;
  std::set<Peer> seen_;
};

}  // namespace drydock::web
