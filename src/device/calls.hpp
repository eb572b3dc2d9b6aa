// What people and programs ask of a connected device: functions, variables, a signal. Each is one request with a token
// of its own and the response that carries it; several run at once. Bytes and clock are passed in.
#pragma once

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "coap/message.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace drydock::device {

struct Call {
  coap::Message request;         ///< without id and token
  Clock::time_point deadline{};  ///< then `done` gets ErrorKind::timed_out
  /// The response, whatever its code. ErrorKind::closed: the device left before it answered; ErrorKind::conflict: an
  /// update began. Called once, on the loop; must not throw.
  std::function<void(Result<coap::Message>)> done;
  bool acknowledged = false;  ///< by a message of its own, before the response
};

class Calls {
public:
  Calls() = default;
  /// What is not answered yet ends with ErrorKind::closed.
  ~Calls() { fail_all({ErrorKind::closed, "the device disconnected before it answered"}); }
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  /// To be sent as soon as the session looks. ErrorKind::rate_limited beyond limits::calls_per_device; then `done` is
  /// never called.
  Result<void> submit(Call call);

  /// The next one to send, now under way with this id and token; nothing when none waits.
  std::optional<coap::Message> take(std::uint16_t id, const coap::Token& token);
  bool waiting() const { return !waiting_.empty(); }
  /// Whether a call under way has this token: a late answer must not be taken for that to another call.
  bool uses(const coap::Token& token) const;

  /// Completes the call that this answers, if any does. `reliable`: see is_response_to().
  bool respond(const coap::Message& response, bool reliable);
  /// Whether this is the first acknowledgement of a call under way, and nothing more.
  bool acknowledge(const coap::Message& message);
  /// Ends those whose time is over.
  void expire(Clock::time_point now);
  /// When expire() has something to do next.
  Clock::time_point next_deadline() const;
  void fail_all(const Error& why);

private:
  std::vector<Call> waiting_;
  std::vector<Call> under_way_;
};

}  // namespace drydock::device
