// The one place where the event loop and the web server's threads meet. The loop publishes what there is to see, a few
// times a second at most; the threads read that, wait for newer, and hand changes over to be made by the loop. No
// thread ever touches the server, and the loop never waits for a thread.
#pragma once

#include "server/device_request.hpp"
#include "server/device_server.hpp"
#include "base/clock.hpp"

#include <asio/post.hpp>

#include <map>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

namespace drydock::service {

/// What there is to see, at one moment. Never changes once published.
struct Snapshot {
  std::uint64_t revision = 0;
  std::uint64_t membership_revision = 0;  ///< DeviceServer::membership_revision()
  std::uint64_t others_revision = 0;      ///< DeviceServer::others_revision()
  std::size_t connected = 0;              ///< devices
  Clock::duration longest_delay{};        ///< of the event loop: LoopDelay::longest()
  std::shared_ptr<const firmware::Library> library = std::make_shared<firmware::Library>();
  bool paused = false;
  int updates_running = 0;
  std::size_t updates_waiting = 0;  ///< for one of these to end
};

class LoopBridge {
public:
  /// For the loop's thread. `server` and `writer` must outlive close().
  LoopBridge(asio::io_context& loop, server::DeviceServer& server, store::Writer& writer);
  ~LoopBridge();

  /// Any thread.
  std::shared_ptr<const Snapshot> snapshot() const;
  /// Any thread: one newer than `revision`, or the same again after `patience`, or nothing once closed.
  std::shared_ptr<const Snapshot> wait_newer(std::uint64_t revision, std::chrono::milliseconds patience) const;

  /// Any thread but the loop's: those of these devices that are in memory and changed behind `revision`, by id. Empty
  /// when the loop does not answer within a second.
  std::map<std::string, server::DeviceView> devices_in_memory(
      const std::vector<std::string>& ids, std::uint64_t revision = 0) const;

  /// Any thread but the loop's: the ids of all that are in memory and changed behind `revision`. Nothing when the loop
  /// does not answer within a second.
  std::optional<std::vector<std::string>> changed_devices(std::uint64_t revision) const;

  /// Any thread but the loop's: asks `precondition` on the loop, makes the change in the store, lets the server look
  /// again, and comes back when it has. ErrorKind::timed_out after a few seconds (the change may still be made),
  /// ErrorKind::closed. Throws store::Unavailable.
  using Precondition = std::function<Result<void>(const server::DeviceServer&)>;
  using Work = std::function<Result<void>(store::Database&)>;
  Result<void> change(Work work, Precondition precondition = {});
  /// The same for what concerns no device: nothing is asked, and the server need not look again.
  Result<void> write(Work work);
  /// Any thread: the same without waiting for it.
  void write_soon(std::function<void(store::Database&)> work);

  /// Any thread but the loop's: hands the request to the loop, or to the machine `node` (0: this one), and waits for
  /// the device's answer. As for server::ask_device(); ErrorKind::timed_out after a little more than
  /// limits::call_timeout, ErrorKind::closed.
  Result<device::VariableValue> ask_device(std::int64_t node, server::DeviceRequest request);

  /// Any thread: as a program.
  void publish(server::PublishedEvent event);

  /// Lets every waiting thread go; changes are refused from now on.
  void close();

private:
  struct Change;
  std::map<std::string, server::DeviceView> ask(std::vector<std::string> ids, std::uint64_t revision) const;
  void publish_soon();
  void publish();
  void complete(Change& change, Result<void> outcome);
  Result<void> post_change(std::shared_ptr<Change> change);
  asio::awaitable<void> apply(std::shared_ptr<Change> change);

  asio::io_context& loop_;
  server::DeviceServer& server_;
  store::Writer& writer_;
  Timer pause_;
  bool publishing_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::uint64_t timer_generation_ = 0;  ///< of the timer: grows when one is cancelled

  mutable std::mutex mutex_;
  mutable std::condition_variable published_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<void> listening_;
  std::atomic<bool> closed_{false};  ///< changed under the mutex
};

}  // namespace drydock::service
