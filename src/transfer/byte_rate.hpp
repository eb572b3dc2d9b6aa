// A rate that several transfers share: of a site's uplink, or of what a month of cellular data allows.
#pragma once

#include "base/asio_tokens.hpp"
#include "transfer/update_channel.hpp"

#include <algorithm>
#include <asio/this_coro.hpp>

namespace drydock::transfer {

class ByteRate {
public:
  explicit ByteRate(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  /// When these bytes may be sent: they are taken for sent then.
  Clock::time_point reserve(std::size_t bytes, Clock::time_point now) {
    const auto at = std::max(next_, now);
    next_ = at + std::chrono::microseconds(bytes * 1'000'000 / bytes_per_second_);
    return at;
  }
  std::uint64_t bytes_per_second() const { return bytes_per_second_; }

private:
  std::uint64_t bytes_per_second_;
  Clock::time_point next_{};
};

/// A channel whose messages with a payload keep to a rate. Both must outlive it.
class RateLimitedChannel final : public UpdateChannel {
public:
  RateLimitedChannel(UpdateChannel& channel, ByteRate& rate) : channel_(channel), rate_(rate) {}

  std::uint16_t next_message_id() override { return channel_.next_message_id(); }
  coap::Token next_token() override { return channel_.next_token(); }
  asio::awaitable<Result<void>> send(const coap::Message& message, bool more_follow) override {
    const auto now = Clock::now();
    const auto at = message.payload.empty() ? now : rate_.reserve(message.payload.size(), now);
    if (at > now) {
      Timer timer(co_await asio::this_coro::executor);
      timer.expires_at(at);
      (void)co_await timer.async_wait(as_result);
    }
    co_return co_await channel_.send(message, more_follow && at <= now);
  }
  asio::awaitable<Result<coap::Message>> receive_update_message(Clock::time_point deadline) override {
    return channel_.receive_update_message(deadline);
  }
  bool reliable() const override { return channel_.reliable(); }
  std::size_t unacknowledged() const override { return channel_.unacknowledged(); }

private:
  UpdateChannel& channel_;
  ByteRate& rate_;
};

}  // namespace drydock::transfer
