// One device's DTLS session as a channel of CoAP messages. It lives as long as the session: now with a coroutine that
// attached to it, now without.
#pragma once

#include "base/token_bucket.hpp"
#include "base/deadline_timer.hpp"
#include "coap/reliability.hpp"
#include "crypto/random.hpp"
#include "transport/dtls/handshake.hpp"
#include "transport/resumable_channel.hpp"
#include "transport/dtls/session_store.hpp"

#include <asio/ip/udp.hpp>
#include <memory>
#include <vector>

namespace drydock::transport {

using UdpEndpoint = asio::ip::udp::endpoint;
std::string to_text(const UdpEndpoint& endpoint);

class DtlsChannel;

/// What a channel needs from the socket it shares with all others.
class DtlsChannelOwner {
public:
  virtual ~DtlsChannelOwner() = default;
  virtual void send_datagram(ByteView datagram, const UdpEndpoint& to) = 0;
  virtual crypto::Random& random() = 0;
  /// False: nothing but answers leaves; the rest is as if the network had lost it.
  virtual bool may_send() const = 0;
  virtual SessionStore& session_store() = 0;
  /// A message waits, and nobody is attached to the channel.
  virtual void on_message(const std::shared_ptr<DtlsChannel>& channel) = 0;
  virtual void on_moved(DtlsChannel& channel, const UdpEndpoint& before) = 0;
  virtual void on_bound(const std::shared_ptr<DtlsChannel>& channel) = 0;
  /// Drops it; the channel may be gone when this returns, unless somebody holds it.
  virtual void on_discarded(DtlsChannel& channel) = 0;
};

class DtlsChannel final : public ResumableChannel, public std::enable_shared_from_this<DtlsChannel> {
public:
  /// Fresh from its handshake. `id` names it.
  DtlsChannel(DtlsChannelOwner& owner, asio::any_io_executor executor, dtls::ConnectionId id,
      std::unique_ptr<dtls::ServerHandshake> handshake, UdpEndpoint address);
  /// As it was kept.
  DtlsChannel(
      DtlsChannelOwner& owner, asio::any_io_executor executor, const PersistedSession& kept, UdpEndpoint address);
  ~DtlsChannel() override;

  /// A datagram that is for this session by its connection id or its address; whether any of it proved to be.
  /// `resumed`: it was marked as one of a resumed session (PROTOCOL §3.5).
  bool on_datagram(ByteView datagram, const UdpEndpoint& from, bool resumed = false);

  const dtls::ConnectionId& id() const { return id_; }
  const UdpEndpoint& address() const { return address_; }
  bool has_connection_id() const { return session().state().connection_id.has_value(); }

  bool attached() const { return attached_; }

  // Channel
  asio::awaitable<Result<coap::Message>> receive(Clock::time_point deadline) override;
  asio::awaitable<Result<void>> send(const coap::Message& message, Flush flush) override;
  void interrupt() override;
  /// Ends the connection, not the session: the device may go on with it any time.
  void close() override;
  bool reliable() const override { return false; }
  std::size_t unacknowledged() const override { return 0; }
  std::size_t unacknowledged_messages() const override { return reliability_.unacknowledged(); }
  std::string peer() const override { return to_text(address_); }
  void persist_session() override;

  void save_position() override;

  // ResumableChannel
  void attach() override;
  void detach() override;
  const Bytes& public_key() const override { return session().state().client_key; }
  const std::optional<SessionBinding>& binding() const override { return binding_; }
  asio::awaitable<Result<void>> bind(SessionBinding binding) override;
  void let_go() override;
  void forget() override;

private:
  dtls::Session& session() { return handshake_ ? handshake_->session() : *session_; }
  const dtls::Session& session() const { return const_cast<DtlsChannel*>(this)->session(); }
  void on_received(dtls::Session::Received received);
  void on_message(ByteView content);
  void transmit(ByteView message, bool answers);
  void retransmit();
  void wake();
  bool is_persistent() const { return binding_ && binding_->persistent && !forgotten_; }
  PersistedSession snapshot() const;
  asio::awaitable<Result<void>> reserve_sequence_numbers();

  DtlsChannelOwner& owner_;
  dtls::ConnectionId id_;
  std::unique_ptr<dtls::ServerHandshake> handshake_;  // until the device shows that it got the last flight
  std::optional<dtls::Session> session_;
  UdpEndpoint address_;
  std::optional<SessionBinding> binding_;
  std::uint64_t reserved_ = dtls::last_sequence;               // numbers below it may be used: so much is written down
  std::uint64_t reservation_under_way_ = dtls::last_sequence;  // or is on its way to be
  bool persisted_ = false;                                     // durably, at least once
  bool forgotten_ = false;                                     // for good: nothing is to be written about it any more
  std::uint64_t persisted_position_ = 0;
  TokenBucket position_budget_{limits::dtls_position_rate};
  coap::Reliability reliability_{true};
  std::vector<coap::Message> inbox_;
  std::size_t inbox_position_ = 0;  // of inbox_, from its front
  std::shared_ptr<Timer> wake_;
  std::unique_ptr<DeadlineTimer> retransmission_;
  asio::any_io_executor executor_;
  bool attached_ = false;
  bool interrupted_ = false;
  bool closed_ = false;
  bool resuming_ = false;   // the device marks its records as those of a resumed session
  bool restarted_ = false;  // and nobody was told yet
  std::string close_reason_;
};

}  // namespace drydock::transport
