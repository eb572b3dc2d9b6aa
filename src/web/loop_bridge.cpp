#include "web/loop_bridge.hpp"

#include "server/as_json.hpp"
#include "base/asio_tokens.hpp"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <optional>

namespace drydock::web {
namespace {

using namespace std::chrono_literals;

// Faster than anybody reads, slow enough that a hundred changes a second cost one publication in four.
constexpr auto publishing_pause = 250ms;
// An SD card may take seconds to sync while it erases.
constexpr auto change_timeout = 10s;

}  // namespace

struct LoopBridge::Change {
  Work work;
  Precondition precondition;
  bool reload_after = true;
  std::optional<Result<void>> outcome;  ///< guarded by the bridge's mutex
};

LoopBridge::LoopBridge(asio::io_context& loop, server::DeviceServer& server, store::Writer& writer)
    : loop_(loop), server_(server), writer_(writer), pause_(loop), snapshot_(std::make_shared<Snapshot>()) {
  server_.on_change([this] { publish_soon(); });
  publish();
}

LoopBridge::~LoopBridge() {
  server_.on_change({});
}

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
  next->paused = server_.paused();
  const bool same_structure = next->membership_revision == before->membership_revision;
  next->library = same_structure ? before->library : std::make_shared<firmware::Library>(server_.library());
  for (const auto& [id, entry] : server_.fleet()) {
    // Devices that did not change are shared with the snapshot before.
    const auto known = before->devices.find(entry.row.id);
    if (known != before->devices.end() && known->second->revision == entry.revision) {
      next->devices.insert(*known);
      continue;
    }
    auto device = std::make_shared<Snapshot::Device>();
    device->revision = entry.revision;
    device->json = server::device_as_json(entry);
    next->devices[entry.row.id] = std::move(device);
  }
  {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(next);
  }
  published_.notify_all();
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
  change->reload_after = false;
  return post_change(std::move(change));
}

Result<void> LoopBridge::post_change(std::shared_ptr<Change> change) {
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
  if (result && change->reload_after) {
    result = co_await server_.reload();
    pause_.cancel();
    ++timer_generation_;
    publishing_ = false;
    publish();
  }
  complete(*change, result);
}

void LoopBridge::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  published_.notify_all();
}

}  // namespace drydock::web
