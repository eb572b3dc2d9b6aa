// Which chunk to send when: selective retransmission, and a pace that follows the link. Pure; times are passed in.
//
// The pace is the highest rate at which chunks lately arrived, the window twice what is under way at that rate in one
// round trip, so that lost chunks do not slow it down and no long queue builds up in front of a slow link. The model is
// BBR's (draft-cardwell-iccrg-bbr-congestion-control): start fast, drain, then probe for more in turns.
#pragma once

#include "base/clock.hpp"
#include "transfer/ota_v3_messages.hpp"

#include <chrono>
#include <deque>
#include <optional>
#include <vector>

namespace drydock::transfer {

class ChunkPacer {
public:
  /// `window`: how many chunks the device takes beyond the first it misses.
  ChunkPacer(std::size_t chunks, std::size_t window, Clock::time_point now);

  /// The chunk to send now (from 0), which counts as sent with that; nothing when there is none, or its time has not
  /// come.
  std::optional<std::size_t> next(Clock::time_point now);

  void received(const ChunksReceived& report, Clock::time_point now);

  /// The device, heard at `now`, names chunks that it has not got: those sent so long ago that they should be there are
  /// lost.
  void missed(const std::vector<std::uint16_t>& indices, Clock::time_point now);

  /// When to ask next() again if nothing is received before. A chunk that was not acknowledged in time is
  /// lost.
  Clock::time_point next_wakeup() const;
  void on_timer(Clock::time_point now);
  /// Nothing can be sent until more is known of what is under way.
  bool awaits_acknowledgement() const { return under_way_ > 0 && !(something_to_send() && window_is_open()); }

  bool complete() const { return in_order_ == chunks_.size(); }
  std::size_t in_order() const { return in_order_; }
  std::size_t sent() const { return sent_; }  ///< chunks, each time they are sent
  std::size_t sent_again() const { return sent_again_; }
  Clock::time_point last_progress_at() const { return last_progress_at_; }  ///< when something new was last received

private:
  enum class State : std::uint8_t { waiting, under_way, lost, received };
  struct Chunk {
    State state = State::waiting;
    bool repeated = false;
    std::uint64_t order = 0;  ///< of its last sending among all
    Clock::time_point sent_at{};
    std::size_t delivered_before = 0;  ///< chunks known to have arrived when it was sent
    Clock::time_point delivered_before_at{};
  };
  struct Rate {
    std::uint64_t round;
    double chunks_per_second;
  };
  enum class Phase { start, drain, probe };

  bool window_is_open() const;
  bool something_to_send() const {
    return !lost_.empty() || (next_new_ < chunks_.size() && next_new_ < in_order_ + device_window_);
  }
  double window() const;
  double highest_rate() const;
  void mark_received(std::size_t index, Clock::time_point now);
  void mark_lost(std::size_t index);
  void find_losses();
  void learn_rate(const Chunk& newest, Clock::time_point now);
  void change_phase(Clock::time_point now);
  void measure_round_trip(Clock::time_point now);
  Clock::duration retransmission_timeout() const;
  bool may_probe() const { return !probed_ && consecutive_timeouts_ == 0 && smoothed_round_trip_ != Clock::duration{}; }
  double pace_gain() const;

  std::vector<Chunk> chunks_;
  std::size_t device_window_;
  std::size_t in_order_ = 0;
  std::size_t next_new_ = 0;
  std::deque<std::size_t> lost_;
  std::size_t under_way_ = 0;
  std::size_t delivered_ = 0;
  Clock::time_point delivered_at_;
  std::uint64_t order_ = 0;
  std::uint64_t highest_order_received_ = 0;
  std::size_t sent_ = 0;
  std::size_t sent_again_ = 0;
  Clock::time_point last_progress_at_;
  Clock::time_point last_sent_at_;
  Clock::time_point pace_at_;  ///< when the pace allows the next chunk

  Clock::duration round_trip_{};  ///< smallest lately; 0: not known yet
  Clock::time_point round_trip_at_{};
  bool measures_round_trip_ = false;  ///< the window is small for a while, so that no queue is measured
  std::optional<Clock::time_point> queue_drained_at_;
  Clock::duration round_trip_sample_{};  ///< smallest since then
  Clock::duration smoothed_round_trip_{};
  bool probed_ = false;           ///< since something was last heard
  int consecutive_timeouts_ = 0;  ///< in a row: each doubles the retransmission timeout
  std::deque<Rate> rates_;
  std::uint64_t round_ = 0;
  std::size_t round_ends_at_ = 0;  ///< delivered: then a round trip is over
  Phase phase_ = Phase::start;
  double startup_rate_ = 0;
  int rounds_without_growth_ = 0;
  std::uint64_t evaluated_round_ = 0;
  std::size_t probe_gain_index_ = 0;
  Clock::time_point probe_gain_since_{};
};

}  // namespace drydock::transfer
