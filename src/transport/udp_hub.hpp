// All DTLS sessions behind one socket: finds whom a datagram is for, and lets nobody move a session's address who
// cannot prove to be its device.
#pragma once

#include "transport/dtls_reception.hpp"

#include <map>

namespace drydock::transport {

class UdpHub final : public DtlsHost {
public:
  struct Services {
    asio::any_io_executor executor;
    const crypto::EcPrivateKey& key;
    crypto::Random& random;
    crypto::Workshop workshop;
    SessionKeeper& keeper;
    std::function<void(ByteView, const UdpEndpoint&)> send;
    /// Has a message, and nobody who attends to it. Called on the loop.
    std::function<void(std::shared_ptr<DtlsChannel>)> arrived;
    std::function<void(const Error&, const std::string& peer)> turned_away;
    Turnstile& handshakes;                                          ///< see DtlsReception
    std::function<bool(const std::string& peer)> knows_address;
  };

  explicit UdpHub(Services services);
  ~UdpHub() override;

  /// Takes up a session of an earlier run.
  void restore(const KeptSession& kept);
  std::shared_ptr<DtlsChannel> find(const DeviceId& device) const;

  void on_datagram(ByteView datagram, const UdpEndpoint& from);

  /// Receives nobody new any more; those who are attended to are still heard.
  void stop();
  /// At an orderly end: how far each session was read.
  void keep_positions();
  std::size_t sessions() const { return channels_.size(); }
  std::size_t handshakes() const { return reception_.under_way(); }

  // DtlsHost
  void send_datagram(ByteView datagram, const UdpEndpoint& to) override { services_.send(datagram, to); }
  crypto::Random& random() override { return services_.random; }
  SessionKeeper& keeper() override { return services_.keeper; }
  void arrived(const std::shared_ptr<DtlsChannel>& channel) override { services_.arrived(channel); }
  void moved(DtlsChannel& channel, const UdpEndpoint& before) override;
  void bound(const std::shared_ptr<DtlsChannel>& channel) override;
  void gone(DtlsChannel& channel) override;

private:
  /// By its connection id, or for those that have none by its address, where several may have been last.
  std::vector<std::shared_ptr<DtlsChannel>> recipients(ByteView datagram, const UdpEndpoint& from) const;
  bool add(const std::shared_ptr<DtlsChannel>& channel);
  bool make_room();
  void leave_address(const DtlsChannel& channel, const UdpEndpoint& address);

  Services services_;
  DtlsReception reception_;
  std::map<dtls::ConnectionId, std::shared_ptr<DtlsChannel>> channels_;
  std::multimap<UdpEndpoint, DtlsChannel*> by_address_;  ///< those without a connection id
  std::map<DeviceId, DtlsChannel*> by_device_;
  bool stopped_ = false;
};

}  // namespace drydock::transport
