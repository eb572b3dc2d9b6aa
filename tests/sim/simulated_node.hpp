// One of several machines over one store: a whole server for UDP devices, with a way to the database that can be slow
// or cut, and beats on the virtual clock.
#pragma once

#include "server/device_server.hpp"
#include "server/membership.hpp"
#include "server/udp_frontend.hpp"
#include "support/test_system.hpp"

#include <deque>

namespace drydock::sim {

/// The store that all share, and what its server knows of their connections.
struct SharedStore {
  std::shared_ptr<store::Database> db = std::make_shared<store::Database>(store::Database::in_memory());
  std::set<std::string> connections;
};

class SimulatedNode {
public:
  using Send = std::function<void(SimulatedNode& from, ByteView datagram, const transport::UdpEndpoint& to)>;
  SimulatedNode(testing::SimulatedWorld& world, SharedStore& shared, const firmware::ModuleFiles& files,
      const state::Configuration& configuration, std::string name, Send send);
  ~SimulatedNode();

  void on_datagram(ByteView datagram, const transport::UdpEndpoint& from);
  /// The session that speaks for this device here.
  std::shared_ptr<transport::DtlsChannel> session_of(const transport::DeviceId& device);

  /// No way to the database from now on, and back. `seen`: the database's server knows that the connection ended.
  void partition(bool cut, bool seen = false);
  /// What the database takes for each job, at most.
  void slow_down(std::chrono::milliseconds most) { latency_ = most; }
  /// A bug planted on purpose: it goes on sending although the others may have taken its devices.
  void never_stop_sending() { careless_ = true; }
  /// As if its power had been cut: nothing that it still does is seen by anybody.
  void kill();

  std::int64_t id() const { return self_.id; }
  /// The others took it for gone: it is to be made anew.
  bool taken_for_gone() const { return taken_for_gone_; }
  server::DeviceServer& server() { return *server_; }

private:
  class Writer;
  asio::awaitable<void> beat();
  void beaten(const server::Membership::Round& round);
  std::chrono::milliseconds delay();
  bool may_send() const { return careless_ || Clock::now() - beaten_at_ < limits::node_may_send; }

  testing::SimulatedWorld& world_;
  SharedStore& shared_;
  store::NodeRow self_;
  Send send_;
  std::optional<server::Membership> membership_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<server::DeviceServer> server_;
  std::unique_ptr<server::UdpFrontend> udp_;
  Clock::time_point beaten_at_;
  std::chrono::milliseconds latency_{0};
  bool cut_ = false;
  bool careless_ = false;
  bool killed_ = false;
  bool taken_for_gone_ = false;
};

}  // namespace drydock::sim
