// All DTLS sessions behind one socket: finds whom a datagram is for, and lets nobody move a session's address who
// cannot prove to be its device.
#pragma once

#include "base/limits.hpp"
#include "transport/dtls/acceptor.hpp"

#include <map>

namespace drydock::transport {

class DtlsDemultiplexer final : public DtlsChannelOwner {
public:
  struct Services {
    asio::any_io_executor executor;
    const crypto::EcPrivateKey& key;
    crypto::Random& random;
    crypto::Workers workers;
    SessionStore& session_store;
    std::function<void(ByteView, const UdpEndpoint&)> send;
    /// Has a message, and nobody attached to it. Called on the loop.
    std::function<void(std::shared_ptr<DtlsChannel>)> arrived;
    std::function<void(const Error&, const std::string& peer)> connection_rejected;
    AsyncSemaphore& handshakes;  ///< see DtlsAcceptor
    std::function<bool(const std::string& peer)> is_known_address;
    std::size_t most_sessions = limits::dtls_sessions;
    /// See DtlsChannelOwner.
    std::function<bool()> may_send = [] { return true; };
    /// A protected record of a session that is not here; others may know it. Called on the loop.
    std::function<void(const SessionKey&, ByteView datagram, const UdpEndpoint& from)> unknown = {};
  };

  explicit DtlsDemultiplexer(Services services);
  ~DtlsDemultiplexer() override;

  /// Takes up a session of an earlier run.
  void restore(const PersistedSession& kept);
  std::shared_ptr<DtlsChannel> find(const DeviceId& device) const;

  void on_datagram(ByteView datagram, const UdpEndpoint& from);

  /// Receives nobody new any more; those that somebody is attached to are still heard.
  void stop();
  /// At an orderly end: how far each session was read.
  void save_positions();
  std::size_t sessions() const { return channels_.size(); }
  std::size_t handshakes() const { return acceptor_.pending_count(); }

  // DtlsChannelOwner
  void send_datagram(ByteView datagram, const UdpEndpoint& to) override { services_.send(datagram, to); }
  crypto::Random& random() override { return services_.random; }
  bool may_send() const override { return services_.may_send(); }
  SessionStore& session_store() override { return services_.session_store; }
  void on_message(const std::shared_ptr<DtlsChannel>& channel) override { services_.arrived(channel); }
  void on_moved(DtlsChannel& channel, const UdpEndpoint& before) override;
  void on_bound(const std::shared_ptr<DtlsChannel>& channel) override;
  void on_discarded(DtlsChannel& channel) override;

private:
  /// By its connection id, or for those that have none by its address, where several may have been last.
  std::vector<std::shared_ptr<DtlsChannel>> recipients(ByteView datagram, const UdpEndpoint& from) const;
  bool add(const std::shared_ptr<DtlsChannel>& channel);
  bool evict_session();
  void remove_address(const DtlsChannel& channel, const UdpEndpoint& address);

  Services services_;
  DtlsAcceptor acceptor_;
  std::map<dtls::ConnectionId, std::shared_ptr<DtlsChannel>> channels_;
  std::multimap<UdpEndpoint, DtlsChannel*> by_address_;  ///< those without a connection id
  std::map<DeviceId, DtlsChannel*> by_device_;
  bool stopped_ = false;
};

}  // namespace drydock::transport
