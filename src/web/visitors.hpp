// Who is behind a connection that the page's frontend has made to CivetWeb for a visitor.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace drydock::web {

/// Address empty: nobody has announced it, or it has left.
struct Visitor {
  std::string address;
  bool encrypted = false;  ///< came over TLS
};

/// For any thread. Visitors by the frontend's port on loopback.
class Visitors {
public:
  void came(std::uint16_t port, Visitor visitor) {
    const std::lock_guard lock(mutex_);
    visitors_[port] = std::move(visitor);
  }
  void left(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    visitors_.erase(port);
  }
  /// `peer`: address and port of the other end. Any program of this machine could come from another one of its
  /// addresses by the same port.
  Visitor behind(const std::pair<std::string, int>& peer) const {
    const std::lock_guard lock(mutex_);
    const auto found =
        peer.first == "127.0.0.1" ? visitors_.find(static_cast<std::uint16_t>(peer.second)) : visitors_.end();
    return found == visitors_.end() ? Visitor{} : found->second;
  }

private:
  mutable std::mutex mutex_;
  std::map<std::uint16_t, Visitor> visitors_;
};

}  // namespace drydock::web
