#include "service/service.hpp"

#include "state/listening.hpp"
#include "state/state_replacement.hpp"
#include "state/store_move.hpp"

#include "base/asio_tokens.hpp"
#include "version.hpp"
#include "store/postgresql_values.hpp"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <algorithm>
#include <csignal>
#include <fmt/core.h>
#include <stdexcept>
#include <thread>

namespace drydock::service {
namespace {

using namespace std::chrono_literals;

// Long enough for every session to notice that its connection is gone.
constexpr auto drain_limit = 5s;

template <class T>
T or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// All cores but the event loop's: a mass reconnect over TCP is mostly RSA.
std::size_t private_key_threads() {
  constexpr unsigned most = 4;
  return std::clamp(std::thread::hardware_concurrency(), 2U, most + 1) - 1;
}

void rethrow(std::exception_ptr failed) {
  if (failed) std::rethrow_exception(failed);
}

}  // namespace

Service::Service(asio::io_context& loop, const state::Configuration& configuration)
    : loop_(loop),
      configuration_(configuration),
      folder_{configuration.state_folder, configuration.store_url},
      files_(folder_.firmware(), state::module_fetch(folder_)),
      systemd_(loop.get_executor()) {
  or_throw(state::state_replacement::require_finished(folder_));  // before anything is made in it
  or_throw(folder_.create());
  lock_.emplace(or_throw(state::ServiceLock::take(folder_)));
  or_throw(state::state_replacement::require_finished(folder_));
  state::state_replacement::discard(folder_);
  files_.sweep();
  server_keys_.emplace(or_throw(state::load_or_create_server_keys(folder_)));
  auto database = store::Database::open(folder_.location(), store::Access::read_write);
  if (!folder_.store_url.empty()) {
    or_throw(state::require_nothing_left_behind(folder_, database));
    or_throw(state::require_same_keys(database, *server_keys_));
    const auto changed = [this] {
      asio::post(loop_, [this] { asio::co_spawn(loop_, apply_announced_changes(), rethrow); });
    };
    join_others(database);
    const auto told = [this](std::string text) {
      asio::post(loop_, [this, text = std::move(text)] {
        if (server_ && server_->others() != nullptr) server_->others()->take(text);
      });
    };
    notifications_ = std::make_shared<store::Notifications>(folder_.store_url, changed, told);
  }
  writer_ = store::Writer::on_thread(std::move(database), loop_.get_executor());
  asio::post(pool_, [] { pthread_setname_np(pthread_self(), "private keys"); });  // as `top -H` and benches show it
  if (const auto threads = private_key_threads(); threads > 1) tcp_pool_.emplace(threads);
  const crypto::Workers tcp_workers((tcp_pool_ ? *tcp_pool_ : pool_).get_executor());
  server::Services services{loop_, *writer_, files_, server_keys_->tcp, random_, tcp_workers, node_.id};
  // Weak: a session that ends with everything else may still have an answer for another machine.
  if (node_.id != 0)
    services.tell_nodes = [open = std::weak_ptr(notifications_)](std::string text) {
      const auto notifications = open.lock();
      return notifications != nullptr && notifications->tell(std::move(text));
    };
  server_ = std::make_unique<server::DeviceServer>(std::move(services), configuration_);
  const server::UdpFrontend::Services udp{loop_, *writer_, server_keys_->udp, random_,
      crypto::Workers(pool_.get_executor()), *server_, configuration_.connections,
      [this] { return heartbeat_ == nullptr || heartbeat_->may_send(); }};
  udp_ = std::make_unique<server::UdpFrontend>(udp);
  absences_ = std::make_unique<server::AbsenceWatch>(loop_, *writer_, configuration_.away_minutes, node_.id == 0,
      [this](const server::PublishedEvent& event) { server_->publish(event); });
  if (node_.id != 0) begin_to_beat();
}

// A file of SQLite's is for one machine; a PostgreSQL for all that have the same keys.
void Service::join_others(store::Database& database) {
  const auto taken = [this] {
    asio::post(loop_, [this] {
      log::error("everything in the database is being replaced");
      stop();
    });
  };
  if (!database.claim(store::Claim::shared, taken))
    throw std::runtime_error(
        fmt::format("everything in the database {} is being replaced, or moved away: try again when that is done",
            store::shown_url(folder_.store_url)));
  const auto now = utc_milliseconds();
  node_.name = configuration_.node_name.empty() ? state::host_name() : configuration_.node_name;
  node_.folder = fmt::format("{}:{}", state::host_name(), std::filesystem::absolute(folder_.root).string());
  node_.version = version;
  node_.started = node_.seen = now;
  node_.connection = database.connection().name();
  or_throw(database.transact([&](store::Database& db) -> Result<void> {
    node_.id = store::add_node(db, node_, now);
    for (const auto& other : store::load_nodes(db))
      if (other.name == node_.name && other.id != node_.id)
        log::warning("another machine is called {}, too ({}): give each its own store.node", other.name, other.folder);
    return {};
  }));
  database.connection().write_as_node(node_.id);
}

void Service::begin_to_beat() {
  NodeHeartbeat::Callbacks callbacks;
  callbacks.report = [this] {
    return server::Membership::Report{server_->running_time(), static_cast<std::int64_t>(server_->own_revision()),
        static_cast<std::int64_t>(server_->connected()), static_cast<std::int64_t>(server_->transfers())};
  };
  callbacks.beaten = [this](const server::Membership::Round& round) {
    server_->others()->set_present(round.others != 0);
    server_->advance_uptime(round.running);
    server_->release_wanted(round.wanted);
    if (std::exchange(others_revision_, round.others_revision) != round.others_revision)
      server_->note_others(static_cast<std::size_t>(round.others_connected));
    for (const auto& node : round.gone)
      log::warning("{} is gone: it had {} devices, which may come to any other machine", node.name, node.connected);
    if (!round.gone.empty()) udp_->call_unfinished();
  };
  callbacks.taken_for_gone = [this] {
    log::error(
        "the other machines took this one for gone, because it did not reach the database for {} s: it begins "
        "anew",
        std::chrono::seconds(limits::node_gone).count());
    taken_for_gone_ = true;
    stop();
  };
  heartbeat_ = std::make_unique<NodeHeartbeat>(loop_, folder_.location(), node_, std::move(callbacks));
}

void Service::leave_others() {
  if (node_.id == 0) return;
  heartbeat_.reset();
  writer_->post([id = node_.id](store::Database& db) { store::remove_node(db, id); });
}

Service::~Service() {
  notifications_.reset();
  if (tcp_pool_) tcp_pool_->join();
  pool_.join();
  leave_others();
  writer_.reset();
}

asio::awaitable<Result<void>> Service::start() {
  const auto started = co_await server_->start();
  if (!started) co_return started;
  // A signal may have come while the database was read: what stop() has stopped must not begin now.
  if (stopping_) co_return Result<void>{};
  if (const auto bound = listen(); !bound) co_return bound;
  if (const auto taken_up = co_await udp_->start(); !taken_up) co_return taken_up;
  if (stopping_) co_return Result<void>{};
  listener_->start();
  if (const auto saved = state::save_listening(folder_, {tcp_port(), udp_port()}); !saved)
    log::warning("'drydock keys export' may print other ports than these: {}", saved.error().message);
  if (database_watcher_) asio::co_spawn(loop_, watch_changes(), rethrow);
  absences_->start();
  systemd_.ready();
  co_return Result<void>{};
}

Result<void> Service::listen() {
  auto port = configuration_.tcp_port;
  try {
    const auto address = asio::ip::make_address(configuration_.address);
    const asio::ip::tcp::endpoint tcp(address, port);
    const auto serve = [this](std::shared_ptr<transport::ByteStream> stream) { server_->serve(std::move(stream)); };
    const auto connection_rejected = [this](const Error& why, const std::string& peer) {
      server_->connection_rejected(why, peer);
    };
    const auto knows = [this](const std::string& peer) { return server_->is_known_address(peer); };
    const transport::TcpListener::Most most{configuration_.connections, configuration_.connections_per_address};
    transport::TcpListener::Proxies proxies;
    for (const auto& proxy : configuration_.proxies) proxies.push_back(asio::ip::make_address(proxy));
    listener_ = std::make_unique<transport::TcpListener>(loop_, tcp, most, serve, connection_rejected, knows, proxies);
    port = configuration_.udp_port;
    const transport::UdpEndpoint udp(address, port);
    udp_->listen(udp);
    if (folder_.store_url.empty()) database_watcher_ = std::make_unique<DatabaseWatcher>(loop_.get_executor(), folder_);
    return {};
  } catch (const std::system_error& e) {
    return failure(ErrorKind::conflict,
        fmt::format("cannot listen on {} port {}: {}", configuration_.address, port, e.code().message()));
  }
}

asio::awaitable<void> Service::watch_changes() {
  // Not as the loop's condition: with nothing but an awaiting call in the loop g++ 12 loses `this`.
  for (;;) {
    const bool changed = co_await database_watcher_->changed();
    if (!changed) co_return;
    co_await apply_changes();
  }
}

asio::awaitable<void> Service::apply_changes() {
  // Waited for: who is told must be there, and is as long as the loop runs.
  std::function<void(store::Database&)> tell = on_change_;
  (void)co_await writer_->perform(std::move(tell));
  const auto applied = co_await server_->apply_changes();
  if (!applied) log::error("{}", applied.error().message);
}

asio::awaitable<void> Service::apply_announced_changes() {
  if (std::exchange(change_announced_, true) || applying_) co_return;
  applying_ = true;
  while (std::exchange(change_announced_, false) && !stopping_) {
    co_await apply_changes();
  }
  applying_ = false;
}

void Service::stop_on_signals() {
  signals_ = std::make_unique<asio::signal_set>(loop_, SIGTERM, SIGINT);
  await_signal();
}

void Service::await_signal() {
  signals_->async_wait([this](asio::error_code error, int) {
    if (error) return;
    asked_to_stop_ = true;
    await_signal();  // first: stop() may come to its end at once, and then nothing may wait any more
    stop();
  });
}

void Service::stop() {
  force_stop_ = stopping_;
  if (std::exchange(stopping_, true)) return;
  if (taken_for_gone_) force_stop_ = true;  // whatever runs is not this machine's any more
  if (restoring_ || taken_for_gone_)
    systemd_.pausing();
  else
    systemd_.stopping();
  if (listener_) listener_->stop();
  udp_->stop();
  if (database_watcher_) database_watcher_->stop();
  absences_->stop();
  notifications_.reset();
  server_->begin_shutdown();
  const auto running = server_->transfers();
  if (running == 0 || force_stop_)
    log::notice("stopping");
  else
    log::notice("stopping: {} transfer{} may take up to {} s to finish", running, running == 1 ? "" : "s",
        configuration_.stop_time.count());
  asio::co_spawn(loop_, drain(), rethrow);
}

asio::awaitable<void> Service::drain() {
  Timer pause(loop_);
  const auto last_moment = Clock::now() + configuration_.stop_time;
  while (server_->transfers() > 0 && !force_stop_ && Clock::now() < last_moment) {
    pause.expires_after(50ms);
    (void)co_await pause.async_wait(as_result);
  }
  if (const auto left = server_->transfers(); left != 0 && !taken_for_gone_)
    log::warning("{} transfer{} did not finish in time and will begin again", left, left == 1 ? "" : "s");
  writer_->stop_waiting();
  server_->stop();
  // The loop must not run out of work while sessions still wait for the writer or the pool.
  for (auto waited = 0ms; server_->sessions() > 0 && waited < drain_limit; waited += 10ms) {
    pause.expires_after(10ms);
    (void)co_await pause.async_wait(as_result);
  }
  udp_->close();
  if (signals_) signals_->cancel();
}

}  // namespace drydock::service
