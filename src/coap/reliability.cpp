#include "coap/reliability.hpp"

#include <algorithm>

namespace drydock::coap {

Reliability::Incoming Reliability::received(const Message& message, Clock::time_point now) {
  acknowledge(message, now);
  heard_at_ = now;
  Incoming incoming;
  incoming.handle = true;
  if (message.type != Type::confirmable) return incoming;
  forget_old(now);
  const auto known = std::find_if(seen_.begin(), seen_.end(), [&](const Seen& s) { return s.id == message.id; });
  if (known != seen_.end()) {
    incoming.handle = false;
    incoming.answer_again = known->answer;
    return incoming;
  }
  if (seen_.size() == most_remembered) seen_.erase(seen_.begin());
  seen_.push_back({message.id, now + remembered, {}});
  return incoming;
}

void Reliability::not_handled(const Message& message) {
  std::erase_if(seen_, [&](const Seen& s) { return s.id == message.id && s.answer.empty(); });
}

// By an acknowledgement or a reset with the same id; a response with its token says the same when the acknowledgement
// was lost (RFC 7252 §5.2.2).
void Reliability::acknowledge(const Message& message, Clock::time_point now) {
  const bool by_id = message.type == Type::acknowledgement || message.type == Type::reset;
  std::erase_if(unacknowledged_, [&](const Unacknowledged& u) {
    const bool meant =
        by_id ? u.id == message.id : is_response(message.code) && !u.token.empty() && u.token == message.token;
    // Of a message sent twice nobody knows which one was acknowledged.
    if (meant && by_id && u.transmissions == 1) {
      const auto took = now - u.sent_at;
      round_trip_ = round_trip_ == Clock::duration{} ? took : (round_trip_ * 3 + took) / 4;
    }
    return meant;
  });
}

Clock::duration Reliability::first_wait() const {
  if (!measures_ || round_trip_ == Clock::duration{}) return acknowledgement_time;
  return std::clamp<Clock::duration>(round_trip_ * 3, least_acknowledgement_time, acknowledgement_time);
}

void Reliability::forget_old(Clock::time_point now) {
  std::erase_if(seen_, [&](const Seen& s) { return s.until <= now; });
}

void Reliability::sent(const Message& message, ByteView encoded, Clock::time_point now, double chance) {
  Bytes bytes(encoded.begin(), encoded.end());
  if (message.type == Type::confirmable) {
    const auto interval = first_wait() + std::chrono::duration_cast<Clock::duration>(first_wait() * chance / 2);
    unacknowledged_.push_back({message.id, message.token, std::move(bytes), now, now + interval, interval});
    return;
  }
  if (message.type != Type::acknowledgement && message.type != Type::reset) return;
  const auto known = std::find_if(seen_.begin(), seen_.end(), [&](const Seen& s) { return s.id == message.id; });
  if (known != seen_.end()) known->answer = std::move(bytes);
}

Clock::time_point Reliability::next() const {
  auto next = Clock::time_point::max();
  for (const auto& u : unacknowledged_) next = std::min(next, u.next);
  return next;
}

Reliability::Due Reliability::due(Clock::time_point now) {
  Due due;
  // A peer that was heard since is there: this one message found no way, and whoever sent it has a limit of its own.
  std::erase_if(unacknowledged_, [&](const Unacknowledged& u) {
    return u.next <= now && u.transmissions == most_transmissions && heard_at_ > u.next - u.interval;
  });
  for (auto& u : unacknowledged_) {
    if (u.next > now) continue;
    if (u.transmissions == most_transmissions) {
      due.given_up = true;
      continue;
    }
    ++u.transmissions;
    // After a quick first try as patient as ever: the peer may be busy with its flash memory.
    u.interval = std::max<Clock::duration>(u.interval * 2, acknowledgement_time);
    u.next = now + u.interval;
    due.send_again.push_back(u.encoded);
  }
  if (due.given_up) unacknowledged_.clear();
  return due;
}

}  // namespace drydock::coap
