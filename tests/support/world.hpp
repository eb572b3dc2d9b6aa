// A world in memory: a manual clock, links with seeded delay and fragmentation, and a loop that moves time only when
// nothing is left to do. Same seed, same run.
#pragma once

#include "base/asio_tokens.hpp"
#include "base/clock.hpp"
#include "crypto/random.hpp"
#include "transport/byte_stream.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <deque>
#include <exception>
#include <memory>
#include <random>

namespace drydock::testing {

class SeededRandom final : public crypto::Random {
public:
  explicit SeededRandom(unsigned seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> into) override {
    for (auto& byte : into) byte = static_cast<std::uint8_t>(engine_());
  }
  std::mt19937& engine() { return engine_; }

private:
  std::mt19937 engine_;
};

class World {
public:
  explicit World(unsigned seed = 1) : random(seed) {
    Clock::manual = true;
    Clock::manual_now = Clock::time_point{std::chrono::hours(1)};
  }
  ~World() { Clock::manual = false; }

  template <class Coroutine>
  void spawn(Coroutine coroutine) {
    asio::co_spawn(loop, std::move(coroutine), [this](std::exception_ptr e) {
      if (e && !failure_) failure_ = e;
    });
  }
  /// Does everything that can be done without time passing.
  void settle() {
    do {
      loop.restart();
      Clock::manual_next = Clock::time_point::max();
    } while (loop.poll() > 0);
    if (failure_) std::rethrow_exception(std::exchange(failure_, {}));
  }
  /// Jumps from timer to timer, never past `by`, until `enough`.
  template <class Enough>
  bool advance_until(Clock::duration by, Enough enough) {
    settle();
    const auto until = Clock::manual_now + by;
    while (!enough() && Clock::manual_now < until) {
      Clock::manual_now = std::clamp(Clock::manual_next, Clock::manual_now, until);
      settle();
    }
    return enough();
  }
  void advance(Clock::duration by) {
    advance_until(by, [] { return false; });
  }

  asio::io_context loop{1};
  SeededRandom random;

private:
  std::exception_ptr failure_;
};

/// One direction of a link: bytes with the time at which they arrive.
struct Pipe {
  explicit Pipe(asio::io_context& loop) : wake(loop) { wake.expires_at(Clock::time_point::max()); }
  struct Piece {
    Clock::time_point at;
    Bytes bytes;
  };
  std::deque<Piece> pieces;
  Timer wake;
  bool closed = false;      ///< by its writer: what is under way still arrives
  bool abandoned = false;   ///< by its reader
  bool cancelled = false;
};

struct LinkOptions {
  LinkOptions() = default;
  std::chrono::milliseconds delay_max{0};
  std::size_t piece_max = 100'000;
};

class MemoryStream final : public transport::ByteStream {
public:
  MemoryStream(World& world, std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out, LinkOptions options)
      : world_(world), in_(std::move(in)), out_(std::move(out)), options_(options) {}
  ~MemoryStream() override { close(); }

  asio::awaitable<transport::ReadResult> read_some(std::span<std::uint8_t> into) override {
    for (;;) {
      if (in_->abandoned) co_return transport::ReadResult{asio::error::bad_descriptor, 0};
      if (std::exchange(in_->cancelled, false)) co_return transport::ReadResult{asio::error::operation_aborted, 0};
      if (!in_->pieces.empty() && in_->pieces.front().at <= Clock::now()) {
        auto& piece = in_->pieces.front().bytes;
        const auto n = std::min(into.size(), piece.size());
        std::copy_n(piece.begin(), n, into.begin());
        piece.erase(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
        if (piece.empty()) in_->pieces.pop_front();
        co_return transport::ReadResult{{}, n};
      }
      if (in_->closed && in_->pieces.empty()) co_return transport::ReadResult{asio::error::eof, 0};
      const auto pipe = in_;
      pipe->wake.expires_at(pipe->pieces.empty() ? Clock::time_point::max() : pipe->pieces.front().at);
      (void)co_await pipe->wake.async_wait(as_result);
    }
  }

  asio::awaitable<asio::error_code> write_all(ByteView bytes) override {
    if (in_->abandoned || out_->abandoned) co_return asio::error::broken_pipe;
    auto at = Clock::now();
    if (!out_->pieces.empty()) at = std::max(at, out_->pieces.back().at);  // a stream keeps its order
    while (!bytes.empty()) {
      const auto n = std::min<std::size_t>(bytes.size(), 1 + world_.random.engine()() % options_.piece_max);
      if (options_.delay_max.count()) at += std::chrono::milliseconds(world_.random.engine()() % static_cast<unsigned>(options_.delay_max.count() + 1));
      out_->pieces.push_back(Pipe::Piece{at, Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n))});
      bytes = bytes.subspan(n);
    }
    out_->wake.cancel();
    co_return asio::error_code{};
  }

  void cancel() override {
    in_->cancelled = true;
    in_->wake.cancel();
  }
  void close() override {
    in_->abandoned = true;
    out_->closed = true;
    in_->wake.cancel();
    out_->wake.cancel();
  }
  std::string peer() const override { return "10.0.0.7:1234"; }

private:
  World& world_;
  std::shared_ptr<Pipe> in_, out_;
  LinkOptions options_;
};

struct Link {
  std::shared_ptr<MemoryStream> device, server;
};

inline Link connect(World& world, LinkOptions options = {}) {
  auto up = std::make_shared<Pipe>(world.loop);
  auto down = std::make_shared<Pipe>(world.loop);
  return Link{std::make_shared<MemoryStream>(world, down, up, options), std::make_shared<MemoryStream>(world, up, down, options)};
}

}  // namespace drydock::testing
