// How a transfer goes on and how it ends, as far as its connection can know.
#include "server/update_controller.hpp"

#include "base/clock.hpp"
#include "server/server_metrics.hpp"

#include <fmt/core.h>

namespace drydock::server {
namespace {

using namespace std::chrono_literals;

// Progress is for people: rarely enough for an SD card, often enough for a page.
constexpr std::size_t progress_bytes = 64 * 1024;
constexpr auto progress_time = 5s;

}  // namespace

void DeviceUpdateController::progress(std::size_t bytes) {
  auto* m = entry();
  if (m == nullptr || !m->transfer) return;
  auto& transfer = *m->transfer;
  const auto now = Clock::now();
  if (bytes > transfer.bytes) {
    transfer.moved = now;
    stall_timer_->set(now + limits::transfer_stall_timeout);
    if (!holds_slot_) holds_slot_ = server_.update_slots_.try_acquire(id_);  // given up while it stood still
  }
  transfer.bytes = bytes;
  server_.mark_changed(*m);
  const bool due = bytes >= transfer.bytes_stored + progress_bytes ||
      (now - transfer.stored_at >= progress_time && bytes > transfer.bytes_stored);
  if (!due) return;
  transfer.bytes_stored = bytes;
  transfer.stored_at = now;
  server_.repository_.progress(m->row.id, transfer.step_id, bytes, ownership_);
}

void DeviceUpdateController::give_up_slot() {
  if (holds_slot_) log::info("{}: its update makes no progress; others may go first", id_.text());
  release_slot();
}

asio::awaitable<void> DeviceUpdateController::transfer_finished(Result<transfer::Delivery> delivery) {
  stall_timer_.reset();
  release_slot();
  reconciled_ = false;
  if (!current_transfer_) co_return;
  const auto transfer = *std::exchange(current_transfer_, std::nullopt);
  const auto title = transfer.step.module.title();
  std::size_t transfer_bytes = 0;
  if (auto* m = entry(); m != nullptr && m->transfer) {
    transfer_bytes = m->transfer->bytes;
    m->transfer.reset();
    server_.mark_changed(*m);
  }
  if (!delivery) {
    // A connection that broke says nothing of what the device has: its next Describe does.
    if (delivery.error().kind == ErrorKind::closed || delivery.error().kind == ErrorKind::session_restarted) {
      transfers_interrupted.add();
      if (transfer_bytes > 0) server_.repository_.progress(id_.text(), transfer.step_id, transfer_bytes, ownership_);
      record(log::Level::warning, "interrupted",
          fmt::format("the sending of {} was interrupted: {}. What the device has of it, its next Describe tells",
              title, delivery.error().message));
      co_return;
    }
    record(log::Level::warning, "failed", fmt::format("{} was not sent: {}", title, delivery.error().message));
    count_failed_step(delivery.error().kind);
    server_.publish(flash_event(id_, "failed"));
    server_.publish(update_event(id_, "failed", title, delivery.error().message));
    (void)co_await server_.repository_.failed(id_.text(), transfer.step_id, delivery.error().message, ownership_);
    co_return;
  }
  const auto seconds = seconds_since(transfer.began);
  transfer_time.observe(seconds);
  const auto again = delivery->resent ? fmt::format(", {} chunks twice", delivery->resent) : "";
  const bool confirmed = delivery->confirmed || resets_without_reply_;
  record(log::Level::info, "sent",
      confirmed ? fmt::format("{} was sent in {:.1f} s{}; the device resets now", title, seconds, again)
                : fmt::format("all of {} was sent, and the connection ended before the device confirmed it", title));
  server_.publish(flash_event(id_, "success"));
  if (auto* m = entry()) {
    const auto words = confirmed
        ? fmt::format("took {}; must come back and report it", title)
        : fmt::format("was sent {} and did not confirm it; must come back and report what it runs", title);
    set_state(*m, "updating", words);
  }
  (void)co_await server_.repository_.sent(id_.text(), transfer.step_id, confirmed, ownership_);
  if (auto* m = entry(); m != nullptr && server_.stopping_) m->channel->close();
}

}  // namespace drydock::server
