// Sessions of UDP devices that are not in memory: machines that share a database take each up when its device speaks to
// them, wherever it spoke before. A datagram is believed when the session's keys open it, and before that costs a look
// into the database within a budget.
#pragma once

#include "base/token_bucket.hpp"
#include "server/dtls_session_store.hpp"
#include "transport/dtls/demultiplexer.hpp"

#include <map>

namespace drydock::server {

class SessionLookup {
public:
  /// Everything must outlive it.
  struct Services {
    asio::io_context& loop;
    DatabaseSessionStore& sessions;
    transport::DtlsDemultiplexer& demultiplexer;
    std::function<bool(const std::string& peer)> is_known_address;
    /// Begins to speak to a device that is silent because it waits.
    std::function<void(std::shared_ptr<transport::DtlsChannel>)> call;
    /// A device that was taken up and has nothing to say: others may take it.
    std::function<void(const transport::DeviceId&)> release;
  };
  explicit SessionLookup(Services services) : services_(std::move(services)) {}

  void on_unknown(const transport::SessionKey& key, ByteView datagram, const transport::UdpEndpoint& from);

  /// Takes up the devices whose update runs and that no machine has, and calls them.
  asio::awaitable<void> call_unfinished();

  void stop() { stopping_ = true; }

private:
  struct Datagram {
    Bytes bytes;
    transport::UdpEndpoint from;
  };
  using Waiting = std::map<transport::SessionKey, std::vector<Datagram>>;

  asio::awaitable<void> look_up(transport::SessionKey key);
  /// The device whose session opens one of these.
  asio::awaitable<std::optional<transport::DeviceId>> device_of(transport::SessionKey key);
  /// Puts the session of this device into the demultiplexer. False: somebody else keeps it, or it is not to come in.
  asio::awaitable<bool> take_up(transport::DeviceId device, store::Want want);

  Services services_;
  Waiting waiting_;
  TokenBucket of_known_addresses_{limits::session_lookup_rate};
  TokenBucket of_others_{limits::session_lookup_rate};
  bool delivering_ = false;  ///< what is unknown now was looked up already
  bool stopping_ = false;
};

}  // namespace drydock::server
