#include "sim/simulated_node.hpp"

#include "store/ownership.hpp"

namespace drydock::sim {

using namespace std::chrono_literals;

// In order, each batch after its delay; kept while the way is cut, and refused once the node's row is gone.
class SimulatedNode::Writer final : public store::Writer {
public:
  explicit Writer(SimulatedNode& node) : node_(node), timer_(node.world_.loop) {}

  std::optional<std::string> unavailable() const override {
    if (node_.cut_ && Clock::now() - cut_since_ > 500ms) return "the database cannot be reached";
    return std::nullopt;
  }
  void cut() { cut_since_ = Clock::now(); }
  void give_up() {
    for (auto& job : queue_) fail(job);
    queue_.clear();
  }

protected:
  void submit(Job job) override {
    if (node_.killed_) return fail(job);
    queue_.push_back(std::move(job));
    schedule();
  }

private:
  void fail(Job& job) {
    job.done = job.done ? std::move(job.done) : [](std::optional<Error>) {};
    finish(job, Error{ErrorKind::storage, "this machine is gone"}, node_.world_.loop.get_executor());
  }
  void schedule() {
    if (std::exchange(scheduled_, true)) return;
    timer_.expires_after(node_.cut_ ? std::chrono::milliseconds(200) : node_.delay());
    timer_.async_wait([this](asio::error_code error) {
      if (!error) run();
    });
  }
  void run() {
    scheduled_ = false;
    if (queue_.empty()) return;
    if (node_.cut_) return schedule();
    std::vector<Job> batch(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
    queue_.clear();
    const auto nodes = store::load_nodes(*node_.shared_.db);
    const bool there =
        std::any_of(nodes.begin(), nodes.end(), [this](const auto& node) { return node.id == node_.self_.id; });
    if (!there) {
      node_.taken_for_gone_ = true;
      for (auto& job : batch) fail(job);
      return;
    }
    auto outcome = commit(*node_.shared_.db, batch);
    finish(batch, outcome, node_.world_.loop.get_executor());
  }

  SimulatedNode& node_;
  Timer timer_;
  std::deque<Job> queue_;
  Clock::time_point cut_since_{};
  bool scheduled_ = false;
};

SimulatedNode::SimulatedNode(testing::SimulatedWorld& world, SharedStore& shared, const firmware::ModuleFiles& files,
    const state::Configuration& configuration, std::string name, Send send)
    : world_(world), shared_(shared), send_(std::move(send)), beaten_at_(Clock::now()) {
  self_.name = self_.folder = self_.connection = std::move(name);
  self_.id = store::add_node(*shared_.db, self_, utc_milliseconds());
  shared_.connections.insert(self_.connection);
  membership_.emplace(
      self_, [this](const std::string& connection) { return shared_.connections.contains(connection); });
  writer_ = std::make_unique<Writer>(*this);
  server::Services services{
      world_.loop, *writer_, files, testing::server_key(), world_.random, crypto::Workers(), self_.id};
  server_ = std::make_unique<server::DeviceServer>(std::move(services), configuration);
  server::UdpFrontend::Services udp{
      world_.loop, *writer_, testing::udp_server_key(), world_.random, crypto::Workers(), *server_};
  udp.may_send = [this] { return may_send(); };
  udp_ = std::make_unique<server::UdpFrontend>(std::move(udp));
  udp_->set_sender([this](ByteView datagram, const transport::UdpEndpoint& to) {
    if (!killed_) send_(*this, datagram, to);
  });
  world_.spawn([this]() -> asio::awaitable<void> {
    const auto started = co_await server_->start();
    if (started) (void)co_await udp_->start();
  });
  world_.spawn([this]() -> asio::awaitable<void> { co_await beat(); });
}

SimulatedNode::~SimulatedNode() {
  kill();
  server_->stop();
  udp_->stop();
  writer_->give_up();
  world_.advance(limits::node_beat + 1s);
  writer_->give_up();
  world_.run_until_idle();
}

void SimulatedNode::on_datagram(ByteView datagram, const transport::UdpEndpoint& from) {
  if (!killed_) udp_->demultiplexer().on_datagram(datagram, from);
}

std::shared_ptr<transport::DtlsChannel> SimulatedNode::session_of(const transport::DeviceId& device) {
  return udp_->demultiplexer().find(device);
}

void SimulatedNode::partition(bool cut, bool seen) {
  cut_ = cut;
  if (!cut) shared_.connections.insert(self_.connection);
  if (seen) shared_.connections.erase(self_.connection);
  writer_->cut();
}

void SimulatedNode::kill() {
  killed_ = true;
  writer_->give_up();
}

std::chrono::milliseconds SimulatedNode::delay() {
  if (latency_.count() == 0) return 0ms;
  return std::chrono::milliseconds(world_.random.engine()() % static_cast<unsigned>(latency_.count() + 1));
}

asio::awaitable<void> SimulatedNode::beat() {
  Timer pause(world_.loop);
  while (!killed_ && !taken_for_gone_) {
    pause.expires_after(limits::node_beat);
    (void)co_await pause.async_wait(as_result);
    if (killed_ || cut_) continue;
    const auto began = Clock::now();
    server::Membership::Report report;
    report.running = server_->running_time();
    pause.expires_after(delay());
    (void)co_await pause.async_wait(as_result);
    if (killed_ || cut_) continue;
    const auto round = membership_->beat(*shared_.db, report, began, utc_milliseconds());
    if (round.alive) beaten_at_ = began;
    beaten(round);
  }
}

void SimulatedNode::beaten(const server::Membership::Round& round) {
  taken_for_gone_ |= !round.alive;
  if (!round.alive) return;
  server_->advance_uptime(round.running);
  server_->release_wanted(round.wanted);
  if (!round.gone.empty()) udp_->call_unfinished();
}

}  // namespace drydock::sim
