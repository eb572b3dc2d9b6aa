#include "device/calls.hpp"

#include "device/messages.hpp"

#include <algorithm>

namespace drydock::device {
namespace {

bool answers(const coap::Message& response, const coap::Message& request, bool reliable) {
  // A reset has no token: it repeats the id of what it refuses.
  return response.type == coap::Type::reset ? response.id == request.id : is_response_to(response, request, reliable);
}

}  // namespace

Result<void> Calls::submit(Call call) {
  if (waiting_.size() + under_way_.size() >= limits::calls_per_device)
    return failure(ErrorKind::rate_limited, "too much is asked of this device at the same time: try again");
  waiting_.push_back(std::move(call));
  return {};
}

std::optional<coap::Message> Calls::take(std::uint16_t id, const coap::Token& token) {
  if (waiting_.empty()) return std::nullopt;
  auto call = std::move(waiting_.front());
  waiting_.erase(waiting_.begin());
  call.request.id = id;
  call.request.token = token;
  auto request = call.request;
  under_way_.push_back(std::move(call));
  return request;
}

bool Calls::uses(const coap::Token& token) const {
  return std::any_of(under_way_.begin(), under_way_.end(), [&](const Call& c) { return c.request.token == token; });
}

bool Calls::respond(const coap::Message& response, bool reliable) {
  const auto found = std::find_if(under_way_.begin(), under_way_.end(),
      [&](const Call& call) { return answers(response, call.request, reliable); });
  if (found == under_way_.end()) return false;
  const auto done = std::move(found->done);
  under_way_.erase(found);
  if (response.type == coap::Type::reset)
    done(failure(ErrorKind::refused, "the device did not understand what it was asked"));
  else
    done(response);
  return true;
}

bool Calls::acknowledge(const coap::Message& message) {
  if (message.type != coap::Type::acknowledgement || message.code != coap::Code::empty) return false;
  const auto found = std::find_if(under_way_.begin(), under_way_.end(),
      [&](const Call& call) { return call.request.id == message.id && !call.acknowledged; });
  if (found == under_way_.end()) return false;
  found->acknowledged = true;
  return true;
}

void Calls::expire(Clock::time_point now) {
  std::vector<Call> late;
  for (auto* calls : {&waiting_, &under_way_}) {
    const auto in_time =
        std::stable_partition(calls->begin(), calls->end(), [&](const Call& call) { return call.deadline > now; });
    std::move(in_time, calls->end(), std::back_inserter(late));
    calls->erase(in_time, calls->end());
  }
  for (auto& call : late) call.done(failure(ErrorKind::timed_out, "the device did not answer in time"));
}

Clock::time_point Calls::next_deadline() const {
  auto next = Clock::time_point::max();
  for (const auto* calls : {&waiting_, &under_way_})
    for (const auto& call : *calls) next = std::min(next, call.deadline);
  return next;
}

void Calls::fail_all(const Error& why) {
  for (auto* calls : {&waiting_, &under_way_})
    for (auto& call : std::exchange(*calls, {})) call.done(tl::unexpected(why));
}

}  // namespace drydock::device
