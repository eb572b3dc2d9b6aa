// What a session needs from the house it runs in: who may come in, what a device should get next, and somebody to
// tell how it went. The appliance implements it; tests and the fuzzers bring their own.
#pragma once

#include "base/turnstile.hpp"
#include "crypto/offload.hpp"
#include "device/conversation.hpp"
#include "planning/plan.hpp"
#include "transfer/delivery.hpp"
#include "crypto/rsa.hpp"
#include "transport/claim.hpp"

namespace drydock::device {

/// What to do about a device now.
struct Decision {
  /// The module to send, already written down as begun.
  struct Send {
    planning::Step step;
    std::shared_ptr<const Bytes> image;
  };
  std::optional<Send> send;
  /// Its application disabled updates, and a person wants this one: to be said to the device first.
  bool force_updates = false;
  /// Without a module to send: when to decide again, if nothing happens before.
  Clock::time_point look_again = Clock::time_point::max();
};

/// One device's place while it is connected. Destroying it frees the place and records that the device left.
class Berth {
public:
  virtual ~Berth() = default;

  /// Whether nothing is to be decided before a person has approved the device: then its Describe is not even asked for.
  virtual bool awaits_approval(const Facts& facts) = 0;

  /// Reconciles what the device reports with what was tried, plans, and chooses. Kind::storage when it could not be
  /// written down: then nothing may be sent. Kind::closed when the house is closing.
  virtual asio::awaitable<Result<Decision>> decide(const Facts& facts) = 0;

  /// The device's Describe cannot be read: nothing can be decided until it says something else.
  virtual void undescribed(const Error& why) = 0;

  virtual void progress(std::size_t bytes) = 0;

  /// Whether what is negotiated with the device is worth writing down: not for one that waits for approval.
  virtual bool keeps_session() const = 0;

  /// How the step that decide() gave ended, as far as this connection can know.
  virtual asio::awaitable<void> sent(Result<transfer::Delivery> delivery) = 0;

  /// Why the session ends, in words.
  virtual void leaving(const Error& why) = 0;
};

class Dock {
public:
  virtual ~Dock() = default;

  virtual const crypto::RsaPrivateKey& server_key() const = 0;
  virtual crypto::Random& random() = 0;
  virtual const crypto::Workshop& workshop() const = 0;
  /// Bounds how many handshakes keep the workshop busy at a time.
  virtual Turnstile& handshakes() = 0;
  /// Whether a device that was let in came from there last.
  virtual bool knows_address(const std::string& peer) const = 0;
  virtual bool offer_fast_ota() const = 0;

  /// The public key to hold the handshake with, as SubjectPublicKeyInfo, or why the device may not come in. Nothing is
  /// remembered yet: over TCP a claim proves nothing. Whether it is the device's key is for berth() to say.
  virtual Result<Bytes> admit(const transport::Claim& claim, const std::string& peer) = 0;

  /// Somebody who got no further than the handshake.
  virtual void turned_away(const Error& why, const std::string& peer) = 0;

  /// After Hello has proved the key of the claim, which is compared with the one on file here, at the moment of registration.
  /// `channel` must outlive the berth; interrupt() and close() may be called on it. Kind::closed when the device may not come in and
  /// that has been told already.
  virtual asio::awaitable<Result<std::unique_ptr<Berth>>> berth(const transport::Claim& claim, const Hello& hello,
                                                                transport::Channel& channel) = 0;

  virtual Bystander bystander(const transport::DeviceId& id) = 0;
};

}  // namespace drydock::device
