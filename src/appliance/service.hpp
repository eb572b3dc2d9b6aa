// The whole appliance on real sockets: opens everything, listens, and takes it all down again in order.
#pragma once

#include "appliance/appliance.hpp"
#include "appliance/change_watch.hpp"
#include "appliance/server_keys.hpp"
#include "appliance/state_folder.hpp"
#include "appliance/supervision.hpp"
#include "appliance/udp_side.hpp"
#include "transport/tcp_listener.hpp"

#include <asio/signal_set.hpp>
#include <asio/thread_pool.hpp>

namespace drydock::appliance {

class Service {
public:
  /// Makes state folder, keys and database where they are not there yet. Throws std::runtime_error with a message for
  /// the person who started it.
  Service(asio::io_context& loop, const Configuration& configuration);
  ~Service();

  /// Loads, binds, listens, and tells the service manager so. Kind::storage, or Kind::conflict when the port is taken.
  asio::awaitable<Result<void>> start();

  /// Stops listening, begins no further step, gives running transfers their time (updates.stop_seconds), closes every
  /// connection, writes what there is to write; then the loop runs out of work. A second call waits for no transfer.
  void stop();

  /// stop() at each SIGTERM or SIGINT.
  void stop_on_signals();

  /// Called on the writer's thread when somebody else changed the database: the command line did.
  void on_change(std::function<void(store::Database&)> told) { on_change_ = std::move(told); }

  bool stopping() const { return stopping_; }
  std::uint16_t tcp_port() const { return listener_->port(); }
  std::uint16_t udp_port() const { return udp_->port(); }
  Appliance& appliance() { return *appliance_; }
  const Appliance& appliance() const { return *appliance_; }
  store::Writer& writer() { return *writer_; }
  const StateFolder& folder() const { return folder_; }
  const crypto::RsaPrivateKey& server_key() const { return server_keys_->tcp; }
  const crypto::EcPrivateKey& udp_server_key() const { return server_keys_->udp; }

private:
  Result<void> listen();
  asio::awaitable<void> watch_changes();
  asio::awaitable<void> drain();
  void await_signal();

  asio::io_context& loop_;
  Configuration configuration_;
  StateFolder folder_;
  std::optional<ServiceLock> lock_;
  std::optional<ServerKeys> server_keys_;
  crypto::SystemRandom random_;
  asio::thread_pool pool_{1};
  std::unique_ptr<store::Writer> writer_;
  firmware::ModuleFiles files_;
  std::unique_ptr<Appliance> appliance_;
  std::unique_ptr<UdpSide> udp_;
  std::unique_ptr<transport::TcpListener> listener_;
  std::unique_ptr<ChangeWatch> changes_;
  std::unique_ptr<asio::signal_set> signals_;
  std::function<void(store::Database&)> on_change_ = [](store::Database&) {};
  Supervision supervision_;
  bool stopping_ = false;
  bool in_a_hurry_ = false;
};

}  // namespace drydock::appliance
