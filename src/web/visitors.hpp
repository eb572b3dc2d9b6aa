// Who is behind a connection that the TLS listener has made to CivetWeb for a visitor.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace drydock::web {

/// For any thread.
class Visitors {
public:
  /// `port`: that of the listener's end, on loopback.
  void came(std::uint16_t port, std::string address) {
    const std::lock_guard lock(mutex_);
    addresses_[port] = std::move(address);
  }
  void left(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    addresses_.erase(port);
  }
  /// From now on every connection is somebody's.
  void all_are_announced() { announced_ = true; }
  /// The visitor's address: `address` itself, or, where all are announced, that of who is behind the connection; empty
  /// for one that nobody has announced, or that has left.
  std::string behind(const std::string& address, int port) const {
    if (!announced_) return address;
    const std::lock_guard lock(mutex_);
    const auto found = addresses_.find(static_cast<std::uint16_t>(port));
    return found == addresses_.end() ? "" : found->second;
  }

private:
  std::atomic<bool> announced_{false};
  mutable std::mutex mutex_;
  std::map<std::uint16_t, std::string> addresses_;
};

}  // namespace drydock::web
