// Keeps unknown addresses from taking all threads of the page's server: each connection holds one, from before its
// first byte on.
#pragma once

#include "web/fair_places.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace drydock::web {

class ConnectionLimiter {
public:
  using Peer = std::pair<std::string, int>;  ///< address and port
  /// Of addresses in `exempt` any number may come. `address_of`: who is behind a connection.
  ConnectionLimiter(
      ConnectionLimits limits, std::vector<std::string> exempt,
      std::function<std::string(const Peer&)> address_of = [](const Peer& peer) { return peer.first; })
      : limits_(limits), exempt_(std::move(exempt)), address_of_(std::move(address_of)) {}

  /// A connection to one of these local ports has come. When there are too many, those of places_to_give_up()
  /// are ended. They are found among this process's descriptors: when CivetWeb tells of a new connection it tells
  /// neither its descriptor nor its address, and takes no for no answer.
  void opened(const std::vector<std::uint16_t>& local_ports);
  void closed() { --open_; }

  /// For as long as this lives, the connection counts as busy, for a request is answered on it, or does not, for a body
  /// is waited for; behind that the other way.
  class Busy {
  public:
    Busy(ConnectionLimiter& limiter, Peer peer, bool is_busy = true)
        : limiter_(limiter), peer_(std::move(peer)), is_busy_(is_busy) {
      limiter_.busy(peer_, is_busy_);
    }
    ~Busy() { limiter_.busy(peer_, !is_busy_); }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

  private:
    ConnectionLimiter& limiter_;
    Peer peer_;
    bool is_busy_;
  };

  /// Somebody has shown from there to be logged in.
  void mark_known(const std::string& address);
  /// Or any number may come from there.
  bool is_known(const std::string& address) const;

  /// The socket of this connection, from now on the caller's: CivetWeb is left with one that has ended, and it is no
  /// longer counted, until forget(). -1: it is not there any more.
  int take_over(const Peer& peer, std::uint16_t local_port);
  void forget(const Peer& peer);

  /// Nothing more is read from this one: CivetWeb would wait for the rest of a body that nobody wants, without a limit.
  static void stop_reading(const Peer& peer, std::uint16_t local_port);
  static void end(const Peer& peer, std::uint16_t local_port);

private:
  void busy(const Peer& peer, bool is_busy);

  ConnectionLimits limits_;
  std::vector<std::string> exempt_;
  std::function<std::string(const Peer&)> address_of_;
  std::atomic<int> open_{0};
  mutable std::mutex mutex_;
  std::map<Peer, std::uint64_t> came_;  // when, compared to the others
  std::uint64_t arrivals_ = 0;
  std::set<Peer> busy_;
  std::set<Peer> taken_over_;
  std::set<std::string> known_;
  std::deque<std::string> known_since_;  // the same, in the order in which they came
};

}  // namespace drydock::web
