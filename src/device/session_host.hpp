// What a session needs from the server it runs in: who may come in, what a device should get next, and somebody to
// tell how it went. server::DeviceServer implements it; tests and the fuzzers bring their own.
#pragma once

#include "base/async_semaphore.hpp"
#include "base/boxed.hpp"
#include "crypto/offload.hpp"
#include "device/protocol.hpp"
#include "planning/plan.hpp"
#include "transfer/byte_rate.hpp"
#include "transfer/delivery.hpp"
#include "crypto/rsa.hpp"
#include "transport/device_identity.hpp"

namespace drydock::device {

/// What to do about a device now.
struct Decision {
  /// The module to send, already written down as begun.
  struct Send {
    planning::Step step;
    std::shared_ptr<const Bytes> image;
    std::shared_ptr<transfer::ByteRate> rate;  ///< to keep to; nullptr: as fast as it goes
  };
  Boxed<Send> send;
  /// Its application disabled updates, and a person wants this one: to be said to the device first.
  bool force_updates = false;
  /// Without a module to send: when to decide again, if nothing happens before.
  Clock::time_point decide_again_at = Clock::time_point::max();
};

/// Decides for one device while it is connected. Destroying it records that the device left.
class UpdateController {
public:
  virtual ~UpdateController() = default;

  /// Whether nothing is to be decided before a person has approved the device: then its Describe is not even asked for.
  virtual bool awaits_approval(const ReportedState& reported) = 0;

  /// Reconciles what the device reports with what was tried, plans, and chooses. ErrorKind::storage when it could not
  /// be written down: then nothing may be sent. ErrorKind::closed when the server is closing.
  virtual asio::awaitable<Result<Decision>> decide(const ReportedState& reported) = 0;

  /// The device's Describe cannot be read: nothing can be decided until it says something else.
  virtual void describe_failed(const Error& why) = 0;

  virtual void progress(std::size_t bytes) = 0;

  /// Whether what is negotiated with the device is worth writing down: not for one that waits for approval.
  virtual bool persists_session() const = 0;

  /// How the step that decide() gave ended, as far as this connection can know.
  virtual asio::awaitable<void> transfer_finished(Result<transfer::Delivery> delivery) = 0;

  /// Why the session ends, in words.
  virtual void session_ended(const Error& why) = 0;
};

class SessionHost {
public:
  virtual ~SessionHost() = default;

  virtual const crypto::RsaPrivateKey& server_key() const = 0;
  virtual crypto::Random& random() = 0;
  virtual const crypto::Workers& workers() const = 0;
  /// Bounds how many handshakes keep the workers busy at a time.
  virtual AsyncSemaphore& handshakes() = 0;
  /// Whether a device that was let in came from there last.
  virtual bool is_known_address(const std::string& peer) const = 0;
  virtual bool offer_fast_ota() const = 0;

  /// The public key to hold the handshake with, as SubjectPublicKeyInfo, or why the device may not come in. Nothing is
  /// remembered yet: over TCP a claimed identity proves nothing. Whether it is the device's key is for
  /// register_connection() to say.
  virtual asio::awaitable<Result<Bytes>> admit(const transport::DeviceIdentity& identity) = 0;

  /// Somebody who got no further than the handshake.
  virtual void connection_rejected(const Error& why, const std::string& peer) = 0;

  /// After Hello has proved the key, which is compared with the one on file here, at the moment of
  /// registration. `device`, which has said Hello, and `channel` must outlive the controller: what is to be asked of
  /// the one, and close() on the other, may be called until then. ErrorKind::closed when the device may not come in and
  /// that has been told already.
  virtual asio::awaitable<Result<std::unique_ptr<UpdateController>>> register_connection(
      const transport::DeviceIdentity& identity, DeviceProtocol& device, transport::Channel& channel) = 0;

  virtual ProtocolCallbacks callbacks(const transport::DeviceId& id) = 0;
};

}  // namespace drydock::device
