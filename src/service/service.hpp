// The whole server on real sockets: opens everything, listens, and takes it all down again in order.
#pragma once

#include "server/absence_watch.hpp"
#include "server/device_server.hpp"
#include "service/database_watcher.hpp"
#include "state/module_fetch.hpp"
#include "state/server_keys.hpp"
#include "state/state_folder.hpp"
#include "service/systemd_notifier.hpp"
#include "server/udp_frontend.hpp"
#include "service/node_heartbeat.hpp"
#include "store/notifications.hpp"
#include "transport/tcp_listener.hpp"

#include <asio/signal_set.hpp>
#include <asio/thread_pool.hpp>

namespace drydock::service {

class Service {
public:
  /// Makes state folder, keys and database where they are not there yet. Throws std::runtime_error with a message for
  /// the person who started it.
  Service(asio::io_context& loop, const state::Configuration& configuration);
  ~Service();

  /// Loads, binds, listens, and tells the service manager so. ErrorKind::storage, or ErrorKind::conflict when the port
  /// is taken.
  asio::awaitable<Result<void>> start();

  /// Stops listening, begins no further step, gives running transfers their time (updates.stop_seconds), closes every
  /// connection, writes what there is to write; then the loop runs out of work. A second call waits for no transfer.
  void stop();

  /// stop() at each SIGTERM or SIGINT.
  void stop_on_signals();

  /// Called on the writer's thread when somebody else changed the database: the command line did.
  void on_change(std::function<void(store::Database&)> told) { on_change_ = std::move(told); }

  /// stop(), for state::restore() of what was uploaded and a new Service behind it. On the loop.
  void stop_to_restore() {
    restoring_ = true;
    stop();
  }

  bool stopping() const { return stopping_; }
  /// And nobody asked it to stop for good.
  bool restoring() const { return restoring_ && !asked_to_stop_; }
  /// It stopped because the other machines had taken this one for gone, and nobody asked it to: a new Service may begin
  /// at once.
  bool taken_for_gone() const { return taken_for_gone_ && !asked_to_stop_; }
  std::uint16_t tcp_port() const { return listener_->port(); }
  std::uint16_t udp_port() const { return udp_->port(); }
  server::DeviceServer& server() { return *server_; }
  const server::DeviceServer& server() const { return *server_; }
  store::Writer& writer() { return *writer_; }
  const state::StateFolder& folder() const { return folder_; }
  const crypto::RsaPrivateKey& server_key() const { return server_keys_->tcp; }
  const crypto::EcPrivateKey& udp_server_key() const { return server_keys_->udp; }

private:
  Result<void> listen();
  void join_others(store::Database& database);
  void begin_to_beat();
  void leave_others();
  asio::awaitable<void> watch_changes();
  asio::awaitable<void> apply_changes();
  asio::awaitable<void> apply_announced_changes();
  asio::awaitable<void> drain();
  void await_signal();

  asio::io_context& loop_;
  state::Configuration configuration_;
  state::StateFolder folder_;
  std::optional<state::ServiceLock> lock_;
  std::optional<state::ServerKeys> server_keys_;
  crypto::SystemRandom random_;
  asio::thread_pool pool_{1};
  std::optional<asio::thread_pool>
      tcp_pool_;  ///< more threads for private RSA operations, where there are cores for them
  std::unique_ptr<store::Writer> writer_;
  firmware::ModuleFiles files_;
  std::unique_ptr<server::DeviceServer> server_;
  std::unique_ptr<server::UdpFrontend> udp_;
  std::unique_ptr<server::AbsenceWatch> absences_;
  std::unique_ptr<transport::TcpListener> listener_;
  std::unique_ptr<DatabaseWatcher> database_watcher_;    ///< of a SQLite file
  std::shared_ptr<store::Notifications> notifications_;  ///< of a PostgreSQL
  store::NodeRow node_;                                  ///< this machine among those that share a PostgreSQL
  std::unique_ptr<NodeHeartbeat> heartbeat_;             ///< likewise
  std::int64_t others_revision_ = 0;
  bool taken_for_gone_ = false;
  bool restoring_ = false;
  bool asked_to_stop_ = false;  ///< by a signal
  bool change_announced_ = false;
  bool applying_ = false;
  std::unique_ptr<asio::signal_set> signals_;
  std::function<void(store::Database&)> on_change_ = [](store::Database&) {};
  SystemdNotifier systemd_;
  bool stopping_ = false;
  bool force_stop_ = false;
};

}  // namespace drydock::service
