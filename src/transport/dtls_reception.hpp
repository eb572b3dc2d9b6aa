// Where devices without a session are received: cookies first, which cost nothing, then handshakes, of which only so
// many are under way at a time. Private-key operations leave the event loop.
#pragma once

#include "base/budget.hpp"
#include "base/turnstile.hpp"
#include "base/watchdog.hpp"
#include "crypto/offload.hpp"
#include "transport/dtls_channel.hpp"
#include "transport/dtls_cookie.hpp"

#include <map>

namespace drydock::transport {

class DtlsReception {
public:
  struct Services {
    asio::any_io_executor executor;
    const crypto::EcPrivateKey& key;
    crypto::Random& random;
    crypto::Workshop workshop;
    std::function<void(ByteView, const UdpEndpoint&)> send;
    /// A handshake is complete. `id` names the session, and is the connection id if the device knows such.
    std::function<void(const dtls::ConnectionId& id, std::unique_ptr<dtls::ServerHandshake>, const UdpEndpoint&)> received;
    std::function<void(const Error&, const UdpEndpoint&)> turned_away;
    /// Shared with the handshakes over TCP: bounds how many keep the workshop busy.
    Turnstile& handshakes;
    /// Whether a device that was let in came from there last: it goes before strangers.
    std::function<bool(const std::string& peer)> knows_address;
  };

  explicit DtlsReception(Services services);
  ~DtlsReception();

  /// A datagram of a handshake, or what may be one. True when a handshake from this address is under way, and took it.
  bool on_datagram(ByteView datagram, const UdpEndpoint& from);

  std::size_t under_way() const { return guests_.size(); }
  void stop();

private:
  struct Guest;
  /// The ClientHello at the front of a datagram, if there is one.
  void on_client_hello(ByteView datagram, const dtls::Record& record, const UdpEndpoint& from);
  /// Lets the oldest go, if there is one that had its chance.
  bool make_room(const UdpEndpoint& for_whom, bool known);
  std::shared_ptr<Guest> make_guest(const UdpEndpoint& from);
  void give(const std::shared_ptr<Guest>& guest, ByteView datagram);
  asio::awaitable<void> work(std::shared_ptr<Guest> guest);
  void look_round();
  void look_again_at(Clock::time_point when);
  void tidy_up();
  void drop(const UdpEndpoint& address);

  Services services_;
  dtls::CookieMaker cookies_;
  std::map<UdpEndpoint, std::shared_ptr<Guest>> guests_;
  // A cookie costs a stranger nothing, and each handshake that begins costs us a signature: so many for each address.
  Budgets<asio::ip::address> of_strangers_{limits::dtls_strangers, limits::addresses_remembered};
  Budgets<asio::ip::address> of_known_{limits::dtls_known, limits::addresses_remembered};
  std::optional<Watchdog> clock_;                      ///< until stop()
  Clock::time_point looks_at_ = Clock::time_point::max();
};

}  // namespace drydock::transport
