// The one place where the event loop and the web server's threads meet. The loop publishes what there is to see, a few
// times a second at most; the threads read that, wait for newer, and hand changes over to be made by the loop. No
// thread ever touches the appliance, and the loop never waits for a thread.
#pragma once

#include "appliance/appliance.hpp"
#include "base/clock.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>

namespace drydock::web {

/// What there is to see, at one moment. Never changes once published.
struct Snapshot {
  struct Device {
    std::uint64_t revision = 0;
    std::string json;                       ///< appliance::member_as_json
  };
  std::uint64_t revision = 0;
  std::uint64_t structure = 0;              ///< Appliance::structure()
  std::map<std::string, std::shared_ptr<const Device>> devices;   ///< by id
  std::shared_ptr<const firmware::Catalogue> catalogue = std::make_shared<firmware::Catalogue>();
  bool paused = false;
};

class Bridge {
public:
  /// For the loop's thread. `appliance` and `writer` must outlive close().
  Bridge(asio::io_context& loop, appliance::Appliance& appliance, store::Writer& writer);
  ~Bridge();

  /// Any thread.
  std::shared_ptr<const Snapshot> snapshot() const;
  /// Any thread: one newer than `revision`, or the same again after `patience`, or nothing once closed.
  std::shared_ptr<const Snapshot> newer_than(std::uint64_t revision, std::chrono::milliseconds patience) const;

  /// Any thread but the loop's: asks `allowed` on the loop, makes the change in the store, lets the appliance look again,
  /// and comes back when it has. Kind::timed_out after a few seconds (the change may still be made), Kind::closed.
  using Allowed = std::function<Result<void>(const appliance::Appliance&)>;
  using Work = std::function<Result<void>(store::Database&)>;
  Result<void> change(Work work, Allowed allowed = {});
  /// The same for what concerns no device: nothing is asked, and the appliance need not look again.
  Result<void> write(Work work);

  /// Lets every waiting thread go; changes are refused from now on.
  void close();

private:
  struct Change;
  void publish_soon();
  void publish();
  void settle(Change& change, Result<void> outcome);
  Result<void> hand_over(std::shared_ptr<Change> change);
  asio::awaitable<void> make(std::shared_ptr<Change> change);

  asio::io_context& loop_;
  appliance::Appliance& appliance_;
  store::Writer& writer_;
  Timer pause_;
  bool publishing_ = false;
  std::uint64_t turn_ = 0;   ///< of the timer: grows when one is cancelled

  mutable std::mutex mutex_;
  mutable std::condition_variable published_;
  std::shared_ptr<const Snapshot> snapshot_;
  bool closed_ = false;
};

}  // namespace drydock::web
