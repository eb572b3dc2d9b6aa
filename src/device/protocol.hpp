// The dialogue with one device. Whatever is being waited for, the device's own requests (pings, time, events,
// subscriptions, posted Describes) are answered on the way, so that the session can read as a straight line.
#pragma once

#include "base/boxed.hpp"
#include "coap/block_assembler.hpp"
#include "crypto/random.hpp"
#include "device/calls.hpp"
#include "device/reported_state.hpp"
#include "device/messages.hpp"
#include "transfer/update_channel.hpp"
#include "transport/channel.hpp"
#include "transport/device_id.hpp"

#include <functional>

namespace drydock::device {

/// What a DeviceProtocol tells and asks its owner about while it waits. Called on the loop; must not throw.
struct ProtocolCallbacks {
  std::function<void(const Event&)> on_event = [](const Event&) {};
  std::function<void(ByteView)> on_vitals = [](ByteView) {};  ///< see vitals.hpp; what it is has not been looked at
  std::function<void()> on_subscription = [] {};              ///< see reported().subscriptions
  std::function<std::string()> device_name = [] { return std::string(); };
};

/// Why answer_until() came back.
enum class WakeReason {
  state_changed,  ///< the device said something that planning should know: see reported()
  interrupted,    ///< somebody here called interrupt()
  deadline,
};

class DeviceProtocol final : public transfer::UpdateChannel {
public:
  /// `channel` and `random` must outlive this.
  DeviceProtocol(transport::Channel& channel, crypto::Random& random);
  void set_callbacks(ProtocolCallbacks callbacks) { callbacks_ = std::move(callbacks); }

  /// Waits for Hello and answers it: over TCP with ours, which must be the first message a device gets; over UDP with
  /// an acknowledgement, before which it takes no request. What it says is in reported() then.
  asio::awaitable<Result<void>> hello(Clock::time_point deadline);

  /// The same in a session that was left and is now gone on with: the device says Hello only if something changed, else
  /// what it said before counts. Over UDP, ErrorKind::session_restarted from any other function here means that it said
  /// Hello anew: reported() has begun afresh with it.
  asio::awaitable<Result<void>> resume(Bytes hello_payload, Clock::time_point deadline);

  /// Of the last Hello over UDP, to resume with.
  const Bytes& hello_payload() const { return hello_payload_; }

  /// A system Describe newer than this call, posted by the device or asked for, and what the device says beside it.
  /// ErrorKind::unusable_describe when there is none that can be read; anything else ends the session.
  asio::awaitable<Result<void>> describe();

  /// Gives back the memory of what the device described; describe() will ask for it.
  void forget_describe();

  /// The application part, from devices that do not post it themselves. Not having it is no failure.
  asio::awaitable<Result<void>> describe_application();

  /// Answers the device until something happens or `until`. ErrorKind::closed, ErrorKind::timed_out (it fell silent)
  /// end the session.
  asio::awaitable<Result<WakeReason>> answer_until(Clock::time_point until);

  /// Tells the device, whose application disabled updates, to take the next one all the same (1.2 and later). It
  /// answers with an event: see reported().updates_forced.
  asio::awaitable<Result<void>> force_updates();

  /// Waits for the device to go away, as it does when it resets. True when it did before `until`; over UDP it comes
  /// back in the same session, as ErrorKind::session_restarted.
  asio::awaitable<Result<bool>> wait_for_reset(Clock::time_point until);

  const ReportedState& reported() const { return reported_; }

  // From outside of the session's coroutine, on the loop:

  /// The current answer_until(), or else the next one, returns WakeReason::interrupted.
  void interrupt();
  /// Asked while the session has nothing else to do. See Calls::submit().
  Result<void> call(Call call);
  /// Sent likewise. Beyond limits::events_per_device that wait, the oldest are dropped.
  void deliver(const Event& event);
  /// In a session that goes on: what it subscribed to before, which it does not repeat.
  void restore_subscriptions(std::vector<Subscription> known) { reported_.subscriptions = std::move(known); }
  /// Whether it wants this event, and takes one of this size.
  bool takes(const Event& event, const std::optional<transport::DeviceId>& from) const;
  /// Whatever was asked and not answered yet ends with this.
  void refuse_calls(const Error& why) { calls_.fail_all(why); }

  // transfer::UpdateChannel
  std::uint16_t next_message_id() override { return ++message_id_; }
  coap::Token next_token() override { return coap::Token(++token_); }
  asio::awaitable<Result<void>> send(const coap::Message& message, bool more_follow) override;
  asio::awaitable<Result<coap::Message>> receive_update_message(Clock::time_point deadline) override;
  bool reliable() const override { return channel_.reliable(); }
  std::size_t unacknowledged() const override { return channel_.unacknowledged(); }

private:
  asio::awaitable<Result<coap::Message>> next(Clock::time_point deadline);
  asio::awaitable<Result<coap::Message>> first(Clock::time_point deadline);
  asio::awaitable<Result<coap::Message>> receive(Clock::time_point deadline);
  asio::awaitable<Result<void>> collect_status_events();
  asio::awaitable<Result<void>> accept_hello(const coap::Message& hello);
  asio::awaitable<Error> handle_resumption();
  asio::awaitable<Result<void>> send_waiting();
  bool within_rate_limit();
  Clock::duration idle_timeout() const;
  asio::awaitable<Result<coap::Message>> response_to(const coap::Message& request, Clock::time_point deadline);
  asio::awaitable<Result<Bytes>> fetch_describe(std::optional<std::uint8_t> part);
  asio::awaitable<Result<void>> acknowledge(const coap::Message& message);
  asio::awaitable<Result<void>> answer(const coap::Message& message);
  asio::awaitable<Result<void>> take_describe_post(const coap::Message& message);
  asio::awaitable<Result<void>> take_event(const coap::Message& message);
  void apply_describe(Describe describe);

  transport::Channel& channel_;
  crypto::Random& random_;
  ProtocolCallbacks callbacks_;
  ReportedState reported_;
  Bytes hello_payload_;
  Boxed<coap::Message> pending_message_;  ///< received, and to be answered when it is known whose it is
  coap::BlockAssembler posted_describe_;
  Calls calls_;
  std::vector<coap::Message> events_;  ///< for the device
  std::uint16_t message_id_;
  std::uint8_t token_ = 0;
  bool posts_describe_ = false;  ///< unasked and whole, behind its Hello
  bool state_changed_ = false;
  bool interrupted_ = false;
  Clock::time_point rate_window_start_{};
  std::size_t rate_window_count_ = 0;
};

}  // namespace drydock::device
