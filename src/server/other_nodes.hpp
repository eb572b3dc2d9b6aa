// The other machines of a shared database: events of this one's devices go to them, theirs come here, and what is asked
// of a device goes to the machine that has it. On the loop. What is said is neither kept nor repeated: an answer that
// was lost is one that did not come in time.
#pragma once

#include "base/clock.hpp"
#include "base/token_bucket.hpp"
#include "server/node_messages.hpp"

#include <functional>
#include <map>

namespace drydock::server {

class OtherNodes {
public:
  struct Callbacks {
    std::function<bool(std::string)> send;  ///< to all machines, this one too; false: too much waits already
    std::function<void(const PublishedEvent&)> publish;
    std::function<void(const DeviceRequest&, Answered)> ask_device;
  };
  OtherNodes(asio::io_context& loop, std::int64_t self, Callbacks callbacks);

  /// Of a device that `node` has. As ask_device(); what is never answered is forgotten.
  void ask(std::int64_t node, const DeviceRequest& request, Answered done);
  /// Soon, with what comes until then.
  void tell(const PublishedEvent& event);
  /// Whether there are any just now.
  void set_present(bool present) { present_ = present; }
  /// What one of the machines has sent.
  void take(std::string_view text);

private:
  struct Asked {
    Answered done;
    Clock::time_point latest;
  };
  void answer(std::int64_t node, const NodeQuestion& question);
  void send_events();
  void say_dropped();

  std::int64_t self_;
  Callbacks callbacks_;
  std::int64_t last_id_ = 0;
  std::map<std::int64_t, Asked> asked_;
  std::vector<PublishedEvent> events_;
  std::size_t events_bytes_ = 0;
  bool present_ = false;
  TokenBucket words_of_drops_{{1, 1}};
  Timer timer_;
  bool scheduled_ = false;
};

}  // namespace drydock::server
