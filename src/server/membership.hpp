// One machine among those that share a database: it beats, looks after the others, and takes for gone who has not
// beaten for long enough. No input or output of its own but the database's; the clock is passed in.
//
// Nobody takes a machine for gone that may still send: who could not beat for limits::node_may_send sends nothing of
// its own accord any more, and that is shorter than the shortest time after which another one takes its devices.
#pragma once

#include "base/clock.hpp"
#include "store/nodes.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace drydock::server {

/// Who stands still, as one observer sees it.
class NodeWatch {
public:
  struct Seen {
    std::int64_t id = 0;
    std::int64_t beat = 0;
    std::string connection;  ///< that it beats by, as the database's server names it
  };
  /// Whether the database's server knows a connection of that name.
  using IsConnected = std::function<bool(const std::string& connection)>;
  /// The others as they look at `now`. Those that have not beaten for long enough: sooner for one whose connection has
  /// ended, as that of a killed process does, than for one that may only be slow. Asked is only about those that stand
  /// still, so that a hundred machines do not cost a hundred questions each at every beat.
  std::vector<Seen> look(const std::vector<Seen>& others, Clock::time_point now, const IsConnected& is_connected);

private:
  struct Watched {
    std::int64_t beat = 0;
    Clock::time_point since{};  ///< seen with this beat
  };
  std::map<std::int64_t, Watched> watched_;
  Clock::time_point looked_{};
};

class Membership {
public:
  using IsConnected = NodeWatch::IsConnected;
  /// `self` as store::add_node() took it, with its id. Without `is_connected` the database's server is asked.
  explicit Membership(store::NodeRow self, IsConnected is_connected = {})
      : self_(std::move(self)), is_connected_(std::move(is_connected)) {}

  /// What a machine says of itself with a beat.
  struct Report {
    std::int64_t running = 0;
    std::int64_t revision = 0;
    std::int64_t connected = 0;
    std::int64_t updating = 0;
  };
  struct Round {
    bool alive = false;                 ///< false: the others took this one for gone, and nothing is its own any more
    std::vector<store::NodeRow> gone;   ///< taken for gone just now
    std::vector<std::string> wanted;    ///< devices that came to another one, and are to be let go here
    std::int64_t running = 0;           ///< the longest running time of any
    std::size_t others = 0;             ///< machines
    std::int64_t others_connected = 0;  ///< devices
    std::int64_t others_revision = 0;   ///< changes when people can see something new of devices on other nodes
  };
  /// In a transaction of the caller's.
  Round beat(store::Database& db, const Report& report, Clock::time_point now, std::int64_t utc_milliseconds);

  std::int64_t id() const { return self_.id; }

private:
  store::NodeRow self_;
  IsConnected is_connected_;
  NodeWatch watch_;
};

}  // namespace drydock::server
