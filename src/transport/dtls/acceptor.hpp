// Where devices without a session are received: cookies first, which cost nothing, then handshakes, of which only so
// many are under way at a time. Private-key operations leave the event loop.
#pragma once

#include "base/token_bucket.hpp"
#include "base/async_semaphore.hpp"
#include "base/deadline_timer.hpp"
#include "crypto/offload.hpp"
#include "transport/dtls/channel.hpp"
#include "transport/dtls/cookie.hpp"

#include <map>

namespace drydock::transport {

class DtlsAcceptor {
public:
  struct Services {
    asio::any_io_executor executor;
    const crypto::EcPrivateKey& key;
    crypto::Random& random;
    crypto::Workers workers;
    std::function<void(ByteView, const UdpEndpoint&)> send;
    /// A handshake is complete. `id` names the session, and is the connection id if the device knows such.
    std::function<void(const dtls::ConnectionId& id, std::unique_ptr<dtls::ServerHandshake>, const UdpEndpoint&)>
        received;
    std::function<void(const Error&, const UdpEndpoint&)> connection_rejected;
    /// Shared with the handshakes over TCP: bounds how many keep the workers busy.
    AsyncSemaphore& handshakes;
    /// Whether a device that was let in came from there last: it goes before unknown devices.
    std::function<bool(const std::string& peer)> is_known_address;
  };

  explicit DtlsAcceptor(Services services);
  ~DtlsAcceptor();

  /// A datagram of a handshake, or what may be one. True when a handshake from this address is under way, and took it.
  bool on_datagram(ByteView datagram, const UdpEndpoint& from);

  std::size_t pending_count() const { return pending_.size(); }
  void stop();

private:
  struct PendingHandshake;
  /// The ClientHello at the front of a datagram, if there is one.
  void on_client_hello(ByteView datagram, const dtls::Record& record, const UdpEndpoint& from);
  /// Lets the oldest go, if there is one that had its chance.
  bool evict_handshake(const UdpEndpoint& for_whom, bool known);
  std::shared_ptr<PendingHandshake> add_pending(const UdpEndpoint& from);
  void enqueue(const std::shared_ptr<PendingHandshake>& pending, ByteView datagram);
  asio::awaitable<void> run_handshake(std::shared_ptr<PendingHandshake> pending);
  void on_timer();
  void schedule_timer(Clock::time_point when);
  void release_tables();
  void drop(const UdpEndpoint& address);

  Services services_;
  dtls::CookieMaker cookies_;
  std::map<UdpEndpoint, std::shared_ptr<PendingHandshake>> pending_;
  // A cookie costs an unknown device nothing, and each handshake that begins costs us a signature: so many for each
  // address.
  TokenBuckets<asio::ip::address> unknown_address_budget_{
      limits::dtls_handshake_rate_unknown_address, limits::addresses_remembered};
  TokenBuckets<asio::ip::address> known_address_budget_{
      limits::dtls_handshake_rate_known_address, limits::addresses_remembered};
  std::optional<DeadlineTimer> timer_;  ///< until stop()
  Clock::time_point timer_at_ = Clock::time_point::max();
};

}  // namespace drydock::transport
