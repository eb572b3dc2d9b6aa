#include "service/loop_bridge.hpp"

#include "base/asio_tokens.hpp"
#include "base/limits.hpp"
#include "server/device_calls.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <optional>

namespace drydock::service {
namespace {

using namespace std::chrono_literals;

// Faster than anybody reads, slow enough that a hundred changes a second cost one publication in four.
constexpr auto publishing_pause = 250ms;
// An SD card may take seconds to sync while it erases.
constexpr auto change_timeout = 10s;
// Asked for in one go: the loop copies them, and has others waiting.
constexpr std::size_t devices_at_once = 50;
// A list can do without what is in memory alone.
constexpr auto question_timeout = 1s;

}  // namespace

struct LoopBridge::Change {
  Work work;
  Precondition precondition;
  bool concerns_devices = true;
  std::optional<Result<void>> outcome;  ///< guarded by the bridge's mutex
};

LoopBridge::LoopBridge(asio::io_context& loop, server::DeviceServer& server, store::Writer& writer)
    : loop_(loop),
      server_(server),
      writer_(writer),
      pause_(loop),
      snapshot_(std::make_shared<Snapshot>()),
      listening_(server.changed().add([this] { publish_soon(); })) {
  publish();
}

LoopBridge::~LoopBridge() = default;

std::shared_ptr<const Snapshot> LoopBridge::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

std::shared_ptr<const Snapshot> LoopBridge::wait_newer(
    std::uint64_t revision, std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  published_.wait_for(lock, patience, [&] { return closed_ || snapshot_->revision > revision; });
  return closed_ ? nullptr : snapshot_;
}

void LoopBridge::publish_soon() {
  if (std::exchange(publishing_, true)) return;
  pause_.expires_after(publishing_pause);
  // A handler that was cancelled, or came too late to be, must leave its successor alone.
  pause_.async_wait([this, timer_generation = timer_generation_](asio::error_code error) {
    if (error || timer_generation != timer_generation_) return;
    publishing_ = false;
    publish();
  });
}

void LoopBridge::publish() {
  const auto before = snapshot();
  auto next = std::make_shared<Snapshot>();
  next->revision = server_.revision();
  next->membership_revision = server_.membership_revision();
  next->others_revision = server_.others_revision();
  next->longest_delay = server_.longest_delay();
  next->connected = server_.connected() + server_.connected_elsewhere();
  next->paused = server_.paused();
  next->updates_running = server_.update_slots().taken();
  next->updates_waiting = server_.update_slots().queued();
  const bool same_structure = next->membership_revision == before->membership_revision;
  next->library = same_structure ? before->library : std::make_shared<firmware::Library>(server_.library());
  {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(next);
  }
  published_.notify_all();
}

std::map<std::string, server::DeviceView> LoopBridge::devices_in_memory(
    const std::vector<std::string>& ids, std::uint64_t revision) const {
  std::map<std::string, server::DeviceView> all;
  const auto latest = Clock::now() + question_timeout;
  for (std::size_t at = 0; at < ids.size() && Clock::now() < latest; at += devices_at_once) {
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(at);
    all.merge(ask(std::vector<std::string>(
                      first, first + static_cast<std::ptrdiff_t>(std::min(devices_at_once, ids.size() - at))),
        revision));
  }
  return all;
}

std::map<std::string, server::DeviceView> LoopBridge::ask(std::vector<std::string> ids, std::uint64_t revision) const {
  struct ViewsAsked {
    std::vector<std::string> ids;
    std::map<std::string, server::DeviceView> found;
    bool answered = false;  ///< guarded by the bridge's mutex, as `found`
  };
  auto question = std::make_shared<ViewsAsked>();
  question->ids = std::move(ids);
  std::unique_lock lock(mutex_);
  if (closed_ || question->ids.empty()) return {};
  // Copied there, printed here: the loop has better things to do.
  asio::post(loop_, [this, question, revision] {
    std::map<std::string, server::DeviceView> found;
    for (const auto& text : question->ids) {
      const auto id = transport::DeviceId::parse(text);
      const auto known = id ? server_.fleet().find(*id) : server_.fleet().end();
      if (known == server_.fleet().end() || known->second.revision <= revision) continue;
      // What another machine may have said of it since is in the store.
      if (server_.node() != 0 && known->second.channel == nullptr) continue;
      found.emplace(text, known->second);
    }
    {
      const std::lock_guard locked(mutex_);
      question->found = std::move(found);
      question->answered = true;
    }
    published_.notify_all();
  });
  published_.wait_for(lock, question_timeout, [&] { return closed_ || question->answered; });
  return std::move(question->found);
}

std::optional<std::vector<std::string>> LoopBridge::changed_devices(std::uint64_t revision) const {
  struct IdsAsked {
    std::vector<std::string> ids;
    bool answered = false;  ///< guarded by the bridge's mutex, as `ids`
  };
  auto question = std::make_shared<IdsAsked>();
  std::unique_lock lock(mutex_);
  if (closed_) return std::nullopt;
  asio::post(loop_, [this, question, revision] {
    std::vector<std::string> ids;
    for (const auto& [id, entry] : server_.fleet())
      if (entry.revision > revision) ids.push_back(entry.row.id);
    {
      const std::lock_guard locked(mutex_);
      question->ids = std::move(ids);
      question->answered = true;
    }
    published_.notify_all();
  });
  published_.wait_for(lock, question_timeout, [&] { return closed_ || question->answered; });
  if (!question->answered) return std::nullopt;
  return std::move(question->ids);
}

Result<void> LoopBridge::change(Work work, Precondition precondition) {
  auto change = std::make_shared<Change>();
  change->work = std::move(work);
  change->precondition = std::move(precondition);
  return post_change(std::move(change));
}

Result<void> LoopBridge::write(Work work) {
  auto change = std::make_shared<Change>();
  change->work = std::move(work);
  change->concerns_devices = false;
  return post_change(std::move(change));
}

void LoopBridge::write_soon(std::function<void(store::Database&)> work) {
  asio::post(loop_, [this, alive = std::weak_ptr<bool>(alive_), work = std::move(work)]() mutable {
    if (!alive.expired()) asio::co_spawn(loop_, writer_.perform(std::move(work)), asio::detached);
  });
}

Result<void> LoopBridge::post_change(std::shared_ptr<Change> change) {
  // Said at once: whoever waited would learn nothing more.
  if (const auto why = writer_.unavailable()) throw store::Unavailable(*why);
  std::unique_lock lock(mutex_);
  if (closed_) return failure(ErrorKind::closed, "Drydock is stopping");
  asio::post(loop_, [this, change] {
    asio::co_spawn(loop_, apply(change), [this, change](std::exception_ptr failed) {
      if (failed) complete(*change, failure(ErrorKind::internal, "the change could not be made"));
    });
  });
  // Once closed the loop may not come round any more: nobody waits for it longer.
  published_.wait_for(lock, change_timeout, [&] { return closed_ || change->outcome; });
  if (change->outcome) return *change->outcome;
  if (closed_) return failure(ErrorKind::closed, "Drydock is stopping");
  return failure(ErrorKind::timed_out, "this takes longer than it should; look again in a moment whether it was done");
}

void LoopBridge::complete(Change& change, Result<void> outcome) {
  {
    const std::lock_guard lock(mutex_);
    change.outcome = std::move(outcome);
  }
  published_.notify_all();
}

asio::awaitable<void> LoopBridge::apply(std::shared_ptr<Change> change) {
  Result<void> result;
  if (change->precondition) result = change->precondition(server_);
  if (result) {
    std::function<Result<void>(store::Database&)> work = change->work;
    auto written = co_await writer_.perform<Result<void>>(std::move(work));
    result = written ? *written : tl::unexpected(written.error());
  }
  if (result && change->concerns_devices) {
    result = co_await server_.apply_changes();
    pause_.cancel();
    ++timer_generation_;
    publishing_ = false;
    publish();
  }
  complete(*change, result);
}

Result<device::VariableValue> LoopBridge::ask_device(std::int64_t node, server::DeviceRequest request) {
  // Its own, for it may be answered when the bridge is gone: by a session that ends with everything else.
  struct Answer {
    std::mutex mutex;
    std::condition_variable given;
    std::optional<Result<device::VariableValue>> result;
  };
  const auto answer = std::make_shared<Answer>();
  const auto done = [answer](Result<device::VariableValue> result) {
    {
      const std::lock_guard locked(answer->mutex);
      answer->result = std::move(result);
    }
    answer->given.notify_all();
  };
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return failure(ErrorKind::closed, "Drydock is stopping");
    asio::post(loop_, [this, node, request = std::move(request), done] {
      if (node == 0 || node == server_.node()) return server::ask_device(server_, request, done);
      if (auto* others = server_.others()) return others->ask(node, request, done);
      done(failure(ErrorKind::closed, "the device is connected to another machine"));
    });
  }
  constexpr auto look = 250ms;
  const auto latest = Clock::now() + limits::call_timeout + 2s;
  std::unique_lock lock(answer->mutex);
  while (!answer->result && Clock::now() < latest && !closed_) answer->given.wait_for(lock, look);
  if (answer->result) return *answer->result;
  if (closed_) return failure(ErrorKind::closed, "Drydock is stopping");
  return failure(ErrorKind::timed_out, "the device did not answer in time");
}

void LoopBridge::publish(server::PublishedEvent event) {
  const std::lock_guard lock(mutex_);
  if (!closed_) asio::post(loop_, [this, event = std::move(event)] { server_.publish(event); });
}

void LoopBridge::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  published_.notify_all();
}

}  // namespace drydock::service
