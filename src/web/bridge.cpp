#include "web/bridge.hpp"

#include "appliance/as_json.hpp"
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
constexpr auto change_patience = 10s;

}  // namespace

struct Bridge::Change {
  Work work;
  Allowed allowed;
  bool look_again = true;
  std::optional<Result<void>> outcome;   ///< guarded by the bridge's mutex
};

Bridge::Bridge(asio::io_context& loop, appliance::Appliance& appliance, store::Writer& writer)
    : loop_(loop), appliance_(appliance), writer_(writer), pause_(loop), snapshot_(std::make_shared<Snapshot>()) {
  appliance_.on_change([this] { publish_soon(); });
  publish();
}

Bridge::~Bridge() { appliance_.on_change({}); }

std::shared_ptr<const Snapshot> Bridge::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

std::shared_ptr<const Snapshot> Bridge::newer_than(std::uint64_t revision, std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  published_.wait_for(lock, patience, [&] { return closed_ || snapshot_->revision > revision; });
  return closed_ ? nullptr : snapshot_;
}

void Bridge::publish_soon() {
  if (std::exchange(publishing_, true)) return;
  pause_.expires_after(publishing_pause);
  // A handler that was cancelled, or came too late to be, must leave its successor alone.
  pause_.async_wait([this, turn = turn_](asio::error_code error) {
    if (error || turn != turn_) return;
    publishing_ = false;
    publish();
  });
}

void Bridge::publish() {
  const auto before = snapshot();
  auto next = std::make_shared<Snapshot>();
  next->revision = appliance_.revision();
  next->structure = appliance_.structure();
  next->paused = appliance_.paused();
  const bool same_structure = next->structure == before->structure;
  next->catalogue = same_structure ? before->catalogue : std::make_shared<firmware::Catalogue>(appliance_.catalogue());
  for (const auto& [id, member] : appliance_.fleet()) {
    // Devices that did not change are shared with the snapshot before.
    const auto known = before->devices.find(member.row.id);
    if (known != before->devices.end() && known->second->revision == member.revision) {
      next->devices.insert(*known);
      continue;
    }
    auto device = std::make_shared<Snapshot::Device>();
    device->revision = member.revision;
    device->json = appliance::member_as_json(member);
    next->devices[member.row.id] = std::move(device);
  }
  {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(next);
  }
  published_.notify_all();
}

Result<void> Bridge::change(Work work, Allowed allowed) {
  auto change = std::make_shared<Change>();
  change->work = std::move(work);
  change->allowed = std::move(allowed);
  return hand_over(std::move(change));
}

Result<void> Bridge::write(Work work) {
  auto change = std::make_shared<Change>();
  change->work = std::move(work);
  change->look_again = false;
  return hand_over(std::move(change));
}

Result<void> Bridge::hand_over(std::shared_ptr<Change> change) {
  std::unique_lock lock(mutex_);
  if (closed_) return failure(Kind::closed, "Drydock is stopping");
  asio::post(loop_, [this, change] {
    asio::co_spawn(loop_, make(change), [this, change](std::exception_ptr failed) {
      if (failed) settle(*change, failure(Kind::internal, "the change could not be made"));
    });
  });
  // Once closed the loop may not come round any more: nobody waits for it longer.
  published_.wait_for(lock, change_patience, [&] { return closed_ || change->outcome; });
  if (change->outcome) return *change->outcome;
  if (closed_) return failure(Kind::closed, "Drydock is stopping");
  return failure(Kind::timed_out, "this takes longer than it should; look again in a moment whether it was done");
}

void Bridge::settle(Change& change, Result<void> outcome) {
  {
    const std::lock_guard lock(mutex_);
    change.outcome = std::move(outcome);
  }
  published_.notify_all();
}

asio::awaitable<void> Bridge::make(std::shared_ptr<Change> change) {
  Result<void> result;
  if (change->allowed) result = change->allowed(appliance_);
  if (result) {
    std::function<Result<void>(store::Database&)> work = change->work;
    auto written = co_await writer_.perform<Result<void>>(std::move(work));
    result = written ? *written : tl::unexpected(written.error());
  }
  if (result && change->look_again) {
    result = co_await appliance_.reload();
    pause_.cancel();
    ++turn_;
    publishing_ = false;
    publish();
  }
  settle(*change, result);
}

void Bridge::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  published_.notify_all();
}

}  // namespace drydock::web
