// Tells others of what happens here. On the devices' loop an event costs a comparison with what integrations want, and
// a row for the writer where one does; everything else is the sender's, which runs while there is an integration.
#pragma once

#include "integrations/sender.hpp"
#include "base/token_bucket.hpp"
#include "server/device_server.hpp"
#include "store/writer.hpp"

#include <asio/io_context.hpp>
#include <deque>
#include <map>
#include <memory>

namespace drydock::integrations {

class Integrations {
public:
  struct Services {
    asio::io_context& loop;
    server::DeviceServer& server;
    store::Writer& writer;
    store::Location location;
    Appliance appliance;
  };
  /// Before the loop runs.
  Integrations(Services services, const state::Configuration::Integrations& configuration);
  /// After it has ended.
  ~Integrations();

  /// After the loop has ended: nobody waits for anything any more.
  void close();

  /// Any thread but the loop's: a person wants what waits for this one to be tried at once.
  void hurry(std::int64_t integration);
  /// Any thread but the loop's: sends a test and waits for what becomes of it. ErrorKind::not_found: libcurl is not
  /// installed.
  Result<void> test(const store::Integration& integration);

private:
  /// Takes up what integrations there are.
  void reload();
  void take(const server::PublishedEvent& event);
  asio::awaitable<void> load(std::uint64_t number);
  asio::awaitable<void> write_down();
  /// One event.
  void lose(std::int64_t integration, const std::string& why);
  void tell_lost();
  bool write(std::function<void(store::Database&)> work);
  Sender& sender();

  Services services_;
  state::Configuration::Integrations configuration_;
  std::vector<std::shared_ptr<void>> listening_;
  std::vector<store::Integration> list_;
  std::deque<store::Delivery> to_write_;
  bool writing_ = false;
  std::map<std::int64_t, std::size_t> begun_;  ///< by receiver, what is not written down yet
  std::size_t begun_bytes_ = 0;
  std::map<std::int64_t, std::int64_t> lost_;  ///< by receiver, events that are not counted yet
  std::string why_lost_;
  std::int64_t untold_ = 0;  ///< lost events of which the log says nothing yet
  std::uint64_t loaded_ = 0;
  std::vector<server::PublishedEvent> meanwhile_;  ///< while the list is read anew
  TokenBucket lost_lines_{limits::Rate{1, 1}};
  std::uint64_t loading_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::unique_ptr<Sender> sender_;  ///< guarded, once it is there
};

}  // namespace drydock::integrations
