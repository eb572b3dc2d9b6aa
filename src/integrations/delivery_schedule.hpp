// When the next message of one integration may go: in order, one at a time, with a growing pause behind a failure, and
// for digests with one between any two. Pure; times are passed in.
#pragma once

#include "base/clock.hpp"

#include <algorithm>
#include <optional>

namespace drydock::integrations {

class DeliverySchedule {
public:
  explicit DeliverySchedule(Clock::duration retry) : retry_(retry) {}

  /// Whether one may go now.
  bool ready(Clock::time_point now) const { return !under_way_ && now >= not_before_; }
  /// Likewise, when somebody has to do something about what it tells.
  bool ready_for_urgent(Clock::time_point now) const { return !under_way_ && now >= urgent_not_before_; }
  Clock::time_point urgent_not_before() const { return urgent_not_before_; }
  /// When to ask again, of one that is not under way.
  Clock::time_point not_before() const { return not_before_; }
  bool under_way() const { return under_way_; }
  /// Nothing has gone yet.
  bool fresh() const { return fresh_; }

  void begin() {
    under_way_ = true;
    fresh_ = false;
  }
  /// `digest`: before which no other message goes.
  void sent(Clock::time_point now, Clock::duration digest) {
    under_way_ = false;
    not_before_ = now + digest;
    urgent_not_before_ = now + std::min<Clock::duration>(digest, urgent_pause);
  }
  /// The message has failed as often as `attempts` now; the receiver may have said how long to wait. True: it is given
  /// up, and the next one may go.
  bool failed(Clock::time_point now, std::int64_t attempts, std::optional<Clock::duration> asked_to_wait);
  /// Behind a restart, of a message that had failed so often before: a crash that comes again and again must not use up
  /// its tries.
  void resume(Clock::time_point now, std::int64_t attempts);
  /// A person wants it tried at once.
  void hurry() {
    not_before_ = {};
    urgent_not_before_ = {};
    fresh_ = false;
  }

private:
  static constexpr Clock::duration urgent_pause = std::chrono::minutes(1);

  Clock::duration retry_;
  bool under_way_ = false;
  bool fresh_ = true;
  Clock::time_point not_before_{};
  Clock::time_point urgent_not_before_{};
};

}  // namespace drydock::integrations
