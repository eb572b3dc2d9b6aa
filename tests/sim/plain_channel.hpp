// CoAP messages in plain frames: what a simulation of ten thousand histories uses instead of RSA and AES.
#pragma once

#include "base/deadline_timer.hpp"
#include "transport/byte_stream.hpp"
#include "transport/channel.hpp"

#include <array>
#include <utility>

namespace drydock::sim {

class PlainChannel final : public transport::Channel {
public:
  PlainChannel(asio::any_io_executor executor, transport::ByteStream& stream)
      : stream_(stream), watchdog_(executor, [this] {
          if (reading_) stream_.cancel();
        }) {}

  asio::awaitable<Result<coap::Message>> receive(Clock::time_point deadline) override {
    std::array<std::uint8_t, 4096> chunk;
    for (;;) {
      if (buffer_.size() >= 2 && buffer_.size() >= 2u + get_be16(buffer_, 0)) {
        const std::size_t length = get_be16(buffer_, 0);
        auto message = coap::decode(ByteView(buffer_).subspan(2, length));
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(2 + length));
        co_return message;
      }
      if (closed_) co_return failure(ErrorKind::closed, "the connection was closed");
      if (std::exchange(interrupted_, false)) co_return failure(ErrorKind::interrupted, "interrupted");
      if (Clock::now() >= deadline) co_return failure(ErrorKind::timed_out, "nothing came in time");
      watchdog_.set(deadline);
      reading_ = true;
      const auto read = co_await stream_.read_some(chunk);
      reading_ = false;
      if (read.error && read.error != asio::error::operation_aborted) closed_ = true;
      append(buffer_, ByteView(chunk).first(read.size));
    }
  }
  asio::awaitable<Result<void>> send(const coap::Message& message, transport::Flush) override {
    const auto bytes = coap::encode(message);
    Bytes frame;
    put_be16(frame, static_cast<std::uint16_t>(bytes.size()));
    append(frame, bytes);
    if (closed_) co_return failure(ErrorKind::closed, "the connection was closed");
    const auto error = co_await stream_.write_all(frame);
    if (error) {
      closed_ = true;
      co_return failure(ErrorKind::closed, "the connection was closed");
    }
    co_return Result<void>{};
  }
  void interrupt() override {
    interrupted_ = true;
    if (reading_) stream_.cancel();
  }
  void close() override {
    closed_ = true;
    stream_.close();
  }
  bool reliable() const override { return true; }
  std::size_t unacknowledged() const override { return stream_.unacknowledged(); }
  std::string peer() const override { return stream_.peer(); }

private:
  transport::ByteStream& stream_;
  DeadlineTimer watchdog_;
  Bytes buffer_;
  bool reading_ = false;
  bool interrupted_ = false;
  bool closed_ = false;
};

}  // namespace drydock::sim
