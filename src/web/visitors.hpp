// Who is behind a connection that the TLS listener has made to CivetWeb for a visitor.
#pragma once

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
  /// The visitor's address; `address` for a connection that is nobody else's.
  std::string behind(const std::string& address, int port) const {
    const std::lock_guard lock(mutex_);
    const auto found = addresses_.find(static_cast<std::uint16_t>(port));
    return found == addresses_.end() || address != "127.0.0.1" ? address : found->second;
  }

private:
  mutable std::mutex mutex_;
  std::map<std::uint16_t, std::string> addresses_;
};

}  // namespace drydock::web
