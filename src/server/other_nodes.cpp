#include "server/other_nodes.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"

namespace drydock::server {
namespace {

using namespace std::chrono_literals;

// Many events go with one transaction.
constexpr auto gathering = 25ms;

// Of one event in a message: hexadecimal digits, and what is around them.
std::size_t encoded_size(const PublishedEvent& event) {
  constexpr std::size_t around = 100;
  return 2 * (event.name.size() + event.data.size()) + around;
}

}  // namespace

OtherNodes::OtherNodes(asio::io_context& loop, std::int64_t self, Callbacks callbacks)
    : self_(self), callbacks_(std::move(callbacks)), timer_(loop) {}

void OtherNodes::ask(std::int64_t node, const DeviceRequest& request, Answered done) {
  const auto now = Clock::now();
  std::erase_if(asked_, [&](const auto& entry) { return entry.second.latest < now; });
  const NodeQuestion question{++last_id_, request};
  auto text = encode({self_, node, question});
  if (text.size() > longest_node_message)
    return done(
        failure(ErrorKind::too_large, "the device is at another machine, and this is too long for the way there"));
  asked_[question.id] = {done, now + limits::call_timeout + 5s};
  if (callbacks_.send(std::move(text))) return;
  asked_.erase(question.id);
  done(failure(ErrorKind::rate_limited, "too much is said between the machines: try again"));
}

void OtherNodes::take(std::string_view text) {
  const auto message = decode_node_message(text);
  if (!message) return log::debug("another machine says what is not understood: {}", message.error().message);
  if (message->from == self_ || (message->to != 0 && message->to != self_)) return;
  if (const auto* events = std::get_if<std::vector<PublishedEvent>>(&message->content))
    for (const auto& event : *events) callbacks_.publish(event);
  if (const auto* question = std::get_if<NodeQuestion>(&message->content)) answer(message->from, *question);
  if (const auto* answer = std::get_if<NodeAnswer>(&message->content)) {
    const auto found = asked_.extract(answer->id);
    if (!found.empty()) found.mapped().done(answer->result);
  }
}

void OtherNodes::answer(std::int64_t node, const NodeQuestion& question) {
  callbacks_.ask_device(question.request,
      [send = callbacks_.send, self = self_, node, id = question.id](Result<device::VariableValue> result) {
        auto text = encode({self, node, NodeAnswer{id, std::move(result)}});
        if (text.size() > longest_node_message)
          text = encode({self, node,
              NodeAnswer{id, failure(ErrorKind::too_large, "the answer is too long for the way between machines")}});
        send(std::move(text));
      });
}

void OtherNodes::say_dropped() {
  if (words_of_drops_.take(Clock::now()))
    log::warning("some events are too many or too long for the other machines: they do not hear them");
}

void OtherNodes::tell(const PublishedEvent& event) {
  if (!present_) return;
  const auto size = encoded_size(event);
  if (size > longest_node_message || events_bytes_ + size > limits::events_to_others) return say_dropped();
  events_bytes_ += size;
  events_.push_back(event);
  if (std::exchange(scheduled_, true)) return;
  timer_.expires_after(gathering);
  timer_.async_wait([this](asio::error_code error) {
    if (!error) send_events();
  });
}

void OtherNodes::send_events() {
  scheduled_ = false;
  events_bytes_ = 0;
  std::vector<PublishedEvent> some;
  std::size_t size = 0;
  for (auto& event : std::exchange(events_, {})) {
    constexpr std::size_t around = 100;
    if (size + encoded_size(event) + around > longest_node_message) {
      if (!callbacks_.send(encode({self_, 0, std::exchange(some, {})}))) say_dropped();
      size = 0;
    }
    size += encoded_size(event);
    some.push_back(std::move(event));
  }
  if (!some.empty() && !callbacks_.send(encode({self_, 0, std::move(some)}))) say_dropped();
}

}  // namespace drydock::server
