// CoAP's reliability over a network that loses and repeats messages (RFC 7252 §4.2): confirmable messages are sent
// again until they are acknowledged, and what comes twice is answered twice but handled once. A state machine without
// clock or randomness of its own; the times are those Device OS uses (PROTOCOL §3.7), or shorter where the peer was
// quick before.
#pragma once

#include "base/clock.hpp"
#include "coap/message.hpp"

#include <chrono>
#include <vector>

namespace drydock::coap {

class Reliability {
public:
  static constexpr std::chrono::seconds acknowledgement_time{
      4};  ///< doubled at each try, after up to half as much again by chance
  static constexpr std::chrono::seconds least_acknowledgement_time{1};
  static constexpr int most_transmissions = 4;
  static constexpr std::chrono::seconds remembered{45};  ///< for so long an id means the same message
  static constexpr std::size_t most_remembered = 64;

  /// Whether the first wait follows the time in which acknowledgements came so far, between the least and the usual.
  explicit Reliability(bool measures = false) : measures_(measures) {}

  struct Incoming {
    bool handle = false;  ///< it is new
    Bytes answer_again;   ///< what was said to it the first time, if anything
  };
  Incoming received(const Message& message, Clock::time_point now);

  /// What was received will not be handled: if it comes again it is new again.
  void not_handled(const Message& message);

  /// Notes what goes out: a confirmable message to send again, or the answer to one that may come again. `chance` is
  /// between 0 and 1.
  void sent(const Message& message, ByteView encoded, Clock::time_point now, double chance);

  /// When due() has something to do; never, as a rule.
  Clock::time_point next() const;

  struct Due {
    std::vector<Bytes> send_again;
    bool given_up = false;  ///< the peer acknowledged none of the transmissions of some message, nor was it heard since
  };
  Due due(Clock::time_point now);

  /// The peer was lost or started anew: nothing is to be sent again. What it said stays remembered.
  void stop_sending() { unacknowledged_.clear(); }
  std::size_t unacknowledged() const { return unacknowledged_.size(); }

private:
  struct Unacknowledged {
    std::uint16_t id;
    Token token;
    Bytes encoded;
    Clock::time_point sent_at;
    Clock::time_point next;
    Clock::duration interval;
    int transmissions = 1;
  };
  struct Seen {
    std::uint16_t id;
    Clock::time_point until;
    Bytes answer;
  };
  void acknowledge(const Message& message, Clock::time_point now);
  Clock::duration first_wait() const;
  void forget_old(Clock::time_point now);

  std::vector<Unacknowledged> unacknowledged_;
  std::vector<Seen> seen_;
  bool measures_;
  Clock::time_point heard_at_{};
  Clock::duration round_trip_{};  ///< smoothed; 0: not known
};

}  // namespace drydock::coap
