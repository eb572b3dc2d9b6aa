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
#include <stdexcept>

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

class SimulatedWorld {
public:
  explicit SimulatedWorld(unsigned seed = 1) : random(seed) {
    Clock::manual = true;
    Clock::manual_now = Clock::time_point{std::chrono::hours(1)};
    Clock::manual_wall_jump = 0;
  }
  ~SimulatedWorld() { Clock::manual = false; }

  template <class Coroutine>
  void spawn(Coroutine coroutine) {
    asio::co_spawn(loop, std::move(coroutine), [this](std::exception_ptr e) {
      if (e && !failure_) failure_ = e;
    });
  }
  /// Does everything that can be done without time passing.
  void run_until_idle() {
    std::size_t done = 0;
    do {
      loop.restart();
      while (loop.poll_one() > 0)
        if (++done > most_at_once)
          throw std::runtime_error(
              "the world does not come to rest: something goes round and round without time passing");
      loop.restart();
    } while (ask_for_next_timer() > 0);
    if (failure_) std::rethrow_exception(std::exchange(failure_, {}));
  }
  /// Jumps from timer to timer, never past `by`, until `enough`.
  template <class Enough>
  bool advance_until(Clock::duration by, Enough enough) {
    run_until_idle();
    const auto until = Clock::manual_now + by;
    while (!enough() && Clock::manual_now < until) {
      Clock::manual_now = std::clamp(Clock::manual_next, Clock::manual_now, until);
      run_until_idle();
    }
    return enough();
  }
  void advance(Clock::duration by) {
    advance_until(by, [] { return false; });
  }

  asio::io_context loop{1};
  SeededRandom random;

private:
  static constexpr std::size_t most_at_once = 3'000'000;

  // Only a reactor about to sleep asks when the next timer is due; base/clock.hpp notes the answer. A reactor that has
  // no microsecond left does not sleep, so it is given more and more of them, in the end for the case that there is no
  // timer.
  std::size_t ask_for_next_timer() {
    Clock::manual_next = Clock::time_point::max();
    for (const auto patience : {3, 300, 10'000}) {
      if (const auto done = loop.run_one_for(std::chrono::microseconds(patience))) return done;
      if (Clock::manual_next != Clock::time_point::max()) break;
    }
    return 0;
  }

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
  bool closed = false;     ///< by its writer: what is under way still arrives
  bool abandoned = false;  ///< by its reader
  bool cancelled = false;
};

/// What both directions share. Once severed nothing gets through, and neither end hears of it.
struct Wire {
  std::size_t bytes_until_severed = SIZE_MAX;
  bool severed = false;
};

struct LinkOptions {
  LinkOptions() = default;
  std::chrono::milliseconds delay_max{0};
  std::size_t piece_max = 100'000;
  std::size_t severed_after = SIZE_MAX;  ///< bytes, both directions together
};

class MemoryStream final : public transport::ByteStream {
public:
  MemoryStream(SimulatedWorld& world, std::shared_ptr<Wire> wire, std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out,
      LinkOptions options)
      : world_(world), wire_(std::move(wire)), in_(std::move(in)), out_(std::move(out)), options_(options) {}
  ~MemoryStream() override { close(); }

  asio::awaitable<asio::error_code> wait_readable() override {
    for (;;) {
      if (in_->abandoned) co_return asio::error::bad_descriptor;
      if (std::exchange(in_->cancelled, false)) co_return asio::error::operation_aborted;
      if (arrived() || (in_->closed && in_->pieces.empty())) co_return asio::error_code{};
      const auto pipe = in_;
      pipe->wake.expires_at(pipe->pieces.empty() ? Clock::time_point::max() : pipe->pieces.front().at);
      (void)co_await pipe->wake.async_wait(as_result);
    }
  }

  transport::ReadResult read_now(std::span<std::uint8_t> into) override {
    if (!arrived()) return {in_->closed ? asio::error_code(asio::error::eof) : asio::error::would_block, 0};
    auto& piece = in_->pieces.front().bytes;
    const auto n = std::min(into.size(), piece.size());
    std::copy_n(piece.begin(), n, into.begin());
    piece.erase(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
    if (piece.empty()) in_->pieces.pop_front();
    return {{}, n};
  }

  asio::awaitable<asio::error_code> write_all(ByteView bytes) override {
    if (in_->abandoned || (out_->abandoned && !wire_->severed)) co_return asio::error::broken_pipe;
    wire_->severed |= bytes.size() > wire_->bytes_until_severed;
    if (wire_->severed) co_return asio::error_code{};
    wire_->bytes_until_severed -= bytes.size();
    auto at = Clock::now();
    if (!out_->pieces.empty()) at = std::max(at, out_->pieces.back().at);  // a stream keeps its order
    while (!bytes.empty()) {
      const auto n = std::min<std::size_t>(bytes.size(), 1 + world_.random.engine()() % options_.piece_max);
      if (options_.delay_max.count())
        at +=
            std::chrono::milliseconds(world_.random.engine()() % static_cast<unsigned>(options_.delay_max.count() + 1));
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
    if (!wire_->severed) out_->closed = true;
    in_->wake.cancel();
    out_->wake.cancel();
  }
  std::string peer() const override { return "10.0.0.7:1234"; }

private:
  bool arrived() const { return !in_->pieces.empty() && in_->pieces.front().at <= Clock::now(); }

  SimulatedWorld& world_;
  std::shared_ptr<Wire> wire_;
  std::shared_ptr<Pipe> in_, out_;
  LinkOptions options_;
};

struct Link {
  std::shared_ptr<MemoryStream> device, server;
};

inline Link connect(SimulatedWorld& world, LinkOptions options = {}) {
  auto wire = std::make_shared<Wire>();
  wire->bytes_until_severed = options.severed_after;
  auto up = std::make_shared<Pipe>(world.loop);
  auto down = std::make_shared<Pipe>(world.loop);
  return Link{std::make_shared<MemoryStream>(world, wire, down, up, options),
      std::make_shared<MemoryStream>(world, wire, up, down, options)};
}

}  // namespace drydock::testing
