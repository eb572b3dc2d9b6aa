#include "transfer/chunk_pacer.hpp"

#include <algorithm>
#include <array>

namespace drydock::transfer {
namespace {

using namespace std::chrono_literals;

constexpr double first_window = 10;  // chunks, before anything is known: PROTOCOL §5.5 suggests 10 to 20
constexpr double smallest_window = 4;
constexpr double acknowledgement_slack = 3;  // devices acknowledge every second chunk
constexpr double start_gain = 2.89;          // 2/ln 2: doubles the rate each round trip
constexpr double drain_gain = 1 / start_gain;
constexpr double window_gain = 2;
constexpr double full_growth = 1.25;
constexpr int full_rounds = 3;
constexpr std::array<double, 8> probe_gains{1.25, 0.75, 1, 1, 1, 1, 1, 1};
constexpr std::uint64_t rate_rounds = 10;  // a rate counts for so many round trips
constexpr auto round_trip_time = 10s;      // and a round-trip time for so long
constexpr std::uint64_t reordering = 3;    // so many sent later and received before it: it is lost
constexpr auto initial_timeout = 3s;       // before anything is known: a slow link takes its time for ten chunks
constexpr auto min_timeout = 1s;
constexpr auto max_timeout = 16s;
// A device acknowledges the last chunk at once, and any other within 200 ms: after a little more than a round trip and
// that, the end of a burst is asked for once before everything under way is given up.
constexpr auto acknowledgement_delay = 250ms;
constexpr auto burst = 1ms;  // timers are no finer than that

double seconds(Clock::duration d) {
  return std::chrono::duration<double>(d).count();
}
Clock::duration of_seconds(double s) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
}

}  // namespace

ChunkPacer::ChunkPacer(std::size_t chunks, std::size_t window, Clock::time_point now)
    : chunks_(chunks),
      device_window_(std::max<std::size_t>(window, 1)),
      delivered_at_(now),
      last_progress_at_(now),
      last_sent_at_(now),
      pace_at_(now),
      probe_gain_since_(now) {}

double ChunkPacer::highest_rate() const {
  double highest = 0;
  for (const auto& rate : rates_) highest = std::max(highest, rate.chunks_per_second);
  return highest;
}

double ChunkPacer::window() const {
  if (consecutive_timeouts_ > 0) return 1;  // one chunk asks whether anybody is there
  if (measures_round_trip_) return smallest_window;
  const auto rate = highest_rate();
  if (rate == 0 || round_trip_ == Clock::duration{}) return first_window;
  const double gain = phase_ == Phase::start ? start_gain : window_gain;
  return std::max(smallest_window, gain * rate * seconds(round_trip_) + acknowledgement_slack);
}

bool ChunkPacer::window_is_open() const {
  return static_cast<double>(under_way_) < window();
}

double ChunkPacer::pace_gain() const {
  switch (phase_) {
    case Phase::start: return start_gain;
    case Phase::drain: return drain_gain;
    case Phase::probe: return probe_gains[probe_gain_index_];
  }
  return 1;
}

std::optional<std::size_t> ChunkPacer::next(Clock::time_point now) {
  if (!window_is_open() || pace_at_ > now + burst) return std::nullopt;
  while (!lost_.empty() && chunks_[lost_.front()].state != State::lost) lost_.pop_front();
  std::size_t index = next_new_;
  if (!lost_.empty()) {
    index = lost_.front();
    lost_.pop_front();
  } else if (next_new_ == chunks_.size() || next_new_ >= in_order_ + device_window_) {
    return std::nullopt;
  } else {
    ++next_new_;
  }
  auto& chunk = chunks_[index];
  if (under_way_ == 0) delivered_at_ = now;  // idle time says nothing about the link
  chunk.repeated = chunk.order != 0;
  chunk.state = State::under_way;
  chunk.order = ++order_;
  chunk.sent_at = last_sent_at_ = now;
  chunk.delivered_before = delivered_;
  chunk.delivered_before_at = delivered_at_;
  ++under_way_;
  ++sent_;
  if (chunk.repeated) ++sent_again_;
  if (const auto rate = highest_rate(); rate > 0)
    pace_at_ = std::max(pace_at_, now - Clock::duration(burst)) + of_seconds(1 / (rate * pace_gain()));
  return index;
}

void ChunkPacer::mark_received(std::size_t index, Clock::time_point now) {
  auto& chunk = chunks_[index];
  if (chunk.state == State::received) return;
  if (chunk.state == State::under_way) --under_way_;
  if (chunk.state == State::waiting) return;  // never sent: the report is wrong
  chunk.state = State::received;
  ++delivered_;
  highest_order_received_ = std::max(highest_order_received_, chunk.order);
  // Of a chunk sent twice nobody knows which one arrived.
  if (chunk.repeated) return;
  const auto took = now - chunk.sent_at;
  smoothed_round_trip_ = smoothed_round_trip_ == Clock::duration{} ? took : (smoothed_round_trip_ * 7 + took) / 8;
  if (queue_drained_at_ && chunk.sent_at >= *queue_drained_at_ &&
      (round_trip_sample_ == Clock::duration{} || took < round_trip_sample_))
    round_trip_sample_ = took;
  if (round_trip_ == Clock::duration{} || took <= round_trip_) {
    round_trip_ = std::max(took, Clock::duration(1us));
    round_trip_at_ = now;
  }
}

void ChunkPacer::received(const ChunksReceived& report, Clock::time_point now) {
  const auto before = delivered_;
  const auto in_order = std::min<std::size_t>(report.in_order, next_new_);
  const Chunk* newest = nullptr;
  const auto take = [&](std::size_t index) {
    if (index >= next_new_ || chunks_[index].state == State::received) return;
    if (newest == nullptr || chunks_[index].order > newest->order) newest = &chunks_[index];
    mark_received(index, now);
  };
  for (auto i = in_order_; i < in_order; ++i) take(i);
  in_order_ = std::max(in_order_, in_order);
  for (const auto index : report.out_of_order)
    if (index > 0) take(index - 1);
  if (delivered_ == before) return;
  consecutive_timeouts_ = 0;
  probed_ = false;
  last_progress_at_ = delivered_at_ = now;
  if (before >= round_ends_at_) {
    ++round_;
    round_ends_at_ = delivered_ + under_way_;
  }
  if (newest != nullptr) learn_rate(*newest, now);
  find_losses();
  change_phase(now);
  measure_round_trip(now);
}

void ChunkPacer::missed(const std::vector<std::uint16_t>& indices, Clock::time_point now) {
  consecutive_timeouts_ = 0;
  probed_ = false;
  const auto round_trip = smoothed_round_trip_ + smoothed_round_trip_ / 4;
  for (const auto index : indices)
    if (index < next_new_ && chunks_[index].state == State::under_way && chunks_[index].sent_at + round_trip <= now)
      mark_lost(index);
}

// The smallest round trip is known only while no queue stands in front of the link: when it has not been seen for a
// while, the window is closed until the queue must be gone.
void ChunkPacer::measure_round_trip(Clock::time_point now) {
  if (now - round_trip_at_ <= round_trip_time) {
    measures_round_trip_ = false;
    queue_drained_at_.reset();
    return;
  }
  measures_round_trip_ = true;
  if (!queue_drained_at_ && static_cast<double>(under_way_) <= smallest_window) {
    queue_drained_at_ = now;
    round_trip_sample_ = {};
  }
  if (!queue_drained_at_ || round_trip_sample_ == Clock::duration{}) return;
  round_trip_ = std::max(round_trip_sample_, Clock::duration(1us));
  round_trip_at_ = now;
  measures_round_trip_ = false;
  queue_drained_at_.reset();
}

// How many arrived since this chunk was sent, and how long that took.
void ChunkPacer::learn_rate(const Chunk& newest, Clock::time_point now) {
  const auto took = now - newest.delivered_before_at;
  if (took <= Clock::duration{}) return;
  rates_.push_back({round_, static_cast<double>(delivered_ - newest.delivered_before) / seconds(took)});
  while (!rates_.empty() && rates_.front().round + rate_rounds < round_) rates_.pop_front();
  // Only what may become the highest needs to be kept.
  while (rates_.size() > 1 && rates_[rates_.size() - 2].chunks_per_second <= rates_.back().chunks_per_second)
    rates_.erase(rates_.end() - 2);
}

void ChunkPacer::find_losses() {
  for (auto i = in_order_; i < next_new_; ++i)
    if (chunks_[i].state == State::under_way && chunks_[i].order + reordering <= highest_order_received_) mark_lost(i);
}

void ChunkPacer::mark_lost(std::size_t index) {
  chunks_[index].state = State::lost;
  --under_way_;
  lost_.push_back(index);
}

void ChunkPacer::change_phase(Clock::time_point now) {
  const auto rate = highest_rate();
  const auto in_flight = rate * seconds(round_trip_);
  if (phase_ == Phase::start && round_ != evaluated_round_) {
    evaluated_round_ = round_;
    if (rate >= startup_rate_ * full_growth) {
      startup_rate_ = rate;
      rounds_without_growth_ = 0;
    } else if (++rounds_without_growth_ == full_rounds) {
      phase_ = Phase::drain;
    }
  }
  if (phase_ == Phase::drain && static_cast<double>(under_way_) <= in_flight + acknowledgement_slack) {
    phase_ = Phase::probe;
    probe_gain_index_ = 2;
    probe_gain_since_ = now;
  }
  if (phase_ == Phase::probe && now - probe_gain_since_ > round_trip_) {
    probe_gain_index_ = (probe_gain_index_ + 1) % probe_gains.size();
    probe_gain_since_ = now;
  }
}

Clock::duration ChunkPacer::retransmission_timeout() const {
  if (may_probe()) {
    const auto rate = highest_rate();
    const auto two_chunks = rate > 0 ? of_seconds(2 / rate) : Clock::duration{};  // every second one is acknowledged
    return smoothed_round_trip_ + smoothed_round_trip_ / 4 + acknowledgement_delay + two_chunks;
  }
  const Clock::duration usual = smoothed_round_trip_ == Clock::duration{}
      ? Clock::duration(initial_timeout)
      : std::max<Clock::duration>(min_timeout, smoothed_round_trip_ * 3);
  return std::min<Clock::duration>(usual * (1 << std::min(consecutive_timeouts_, 5)), max_timeout);
}

Clock::time_point ChunkPacer::next_wakeup() const {
  auto wake = Clock::time_point::max();
  if (under_way_ > 0) wake = std::max(last_sent_at_, last_progress_at_) + retransmission_timeout();
  if (something_to_send() && window_is_open()) wake = std::min(wake, pace_at_);
  return wake;
}

// Nothing was heard: all that is under way counts as lost, and one chunk at a time asks again.
void ChunkPacer::on_timer(Clock::time_point now) {
  if (under_way_ == 0 || now < std::max(last_sent_at_, last_progress_at_) + retransmission_timeout()) return;
  if (may_probe()) {
    probed_ = true;
    // A repeated chunk is acknowledged at once, with all that is missing in front of it.
    const auto last = std::max_element(chunks_.begin() + static_cast<std::ptrdiff_t>(in_order_),
        chunks_.begin() + static_cast<std::ptrdiff_t>(next_new_), [](const Chunk& a, const Chunk& b) {
          return (a.state == State::under_way ? a.order : 0) < (b.state == State::under_way ? b.order : 0);
        });
    mark_lost(static_cast<std::size_t>(last - chunks_.begin()));
    pace_at_ = now;
    return;
  }
  ++consecutive_timeouts_;
  lost_.clear();
  for (auto i = in_order_; i < next_new_; ++i) {
    if (chunks_[i].state == State::under_way) {
      chunks_[i].state = State::lost;
      --under_way_;
    }
    if (chunks_[i].state == State::lost) lost_.push_back(i);
  }
  pace_at_ = now;
}

}  // namespace drydock::transfer
