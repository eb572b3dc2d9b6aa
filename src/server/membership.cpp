#include "server/membership.hpp"

#include "base/limits.hpp"
#include "store/ownership.hpp"

#include <algorithm>
#include <utility>

namespace drydock::server {

std::vector<NodeWatch::Seen> NodeWatch::look(
    const std::vector<Seen>& others, Clock::time_point now, const IsConnected& is_connected) {
  // The time for which nobody looked does not count: a database that was away was so for all.
  const auto since_last = now - std::exchange(looked_, now);
  const auto looked_away = since_last > limits::node_gone_at_once / 2 ? since_last : Clock::duration{};
  std::map<std::int64_t, Watched> watched;
  std::vector<Seen> gone;
  for (const auto& other : others) {
    const auto before = watched_.find(other.id);
    const bool stands_still = before != watched_.end() && before->second.beat == other.beat;
    const auto since = stands_still ? before->second.since + looked_away : now;
    watched[other.id] = {other.beat, since};
    const auto stood_still = now - since;
    if (stood_still >= limits::node_gone ||
        (stood_still >= limits::node_gone_at_once && !is_connected(other.connection)))
      gone.push_back(other);
  }
  watched_ = std::move(watched);
  return gone;
}

Membership::Round Membership::beat(
    store::Database& db, const Report& report, Clock::time_point now, std::int64_t utc_milliseconds) {
  Round round;
  if (!is_connected_) self_.connection = db.connection().name();
  self_.seen = utc_milliseconds;
  self_.running = report.running;
  self_.revision = report.revision;
  self_.connected = report.connected;
  self_.updating = report.updating;
  if (!store::beat(db, self_)) return round;
  round.alive = true;
  round.running = report.running;
  const auto nodes = store::load_nodes(db);
  std::vector<NodeWatch::Seen> others;
  for (const auto& node : nodes) {
    if (node.id == self_.id) continue;
    others.push_back({node.id, node.beat, node.connection});
    ++round.others;
    round.running = std::max(round.running, node.running);
    round.others_connected += node.connected;
    round.others_revision += node.revision + node.id;
  }
  const auto is_connected = [&](const std::string& name) {
    return is_connected_ ? is_connected_(name) : db.connection().is_connected(name);
  };
  for (const auto& seen : watch_.look(others, now, is_connected))
    if (store::remove_node(db, seen.id, seen.beat))
      round.gone.push_back(*std::find_if(nodes.begin(), nodes.end(), [&](const auto& n) { return n.id == seen.id; }));
  round.wanted = store::wanted_devices(db, self_.id);
  return round;
}

}  // namespace drydock::server
