#include "transport/dtls/handshake.hpp"

#include "crypto/hash.hpp"

#include <algorithm>

namespace drydock::transport::dtls {
namespace {

constexpr std::uint16_t plain_epoch = 0;
constexpr std::uint16_t protected_epoch = 1;
// A whole flight has 369 bytes; this is for whoever adds to it one day.
constexpr std::size_t datagram_size = 1200;

Error refused(std::string words) {
  return {ErrorKind::refused, std::move(words)};
}

}  // namespace

HandshakeRandom::HandshakeRandom(crypto::Random& from) {
  from.fill(random);
  from.fill(scalar);
  from.fill(connection_id);
}

ServerHandshake::ServerHandshake(Sign sign, HandshakeRandom draw) : sign_(std::move(sign)), random_(std::move(draw)) {}

ServerHandshake::~ServerHandshake() {
  crypto::wipe(master_);
}

Result<Datagrams> ServerHandshake::on_datagram(ByteView datagram) {
  flight_is_due_ = false;
  while (const auto record = take_record(datagram))
    if (const auto taken = on_record(*record); !taken) return tl::unexpected(taken.error());
  return flight_is_due_ ? retransmit_flight() : Datagrams{};
}

Result<void> ServerHandshake::on_record(const Record& record) {
  if (record.epoch() == protected_epoch) return on_protected(record);
  if (record.epoch() != plain_epoch) return {};
  if (record.type == ContentType::alert && record.fragment.size() == 2) alert_ = record.fragment[1];
  if (record.type == ContentType::handshake) return on_plain(record.fragment, record.sequence());
  return {};  // ChangeCipherSpec says nothing that the epoch of the next record does not
}

Result<void> ServerHandshake::on_plain(ByteView content, std::uint64_t record_sequence) {
  while (const auto fragment = take_fragment(content)) {
    // Finished is believed only under the new keys.
    if (fragment->type == HandshakeType::finished) continue;
    if (await_ == Await::client_hello) {
      // The cookie exchange leaves no state behind: numbers go on from those of this second ClientHello (RFC 6347
      // §4.2.1).
      if (fragment->type != HandshakeType::client_hello || !fragment->whole()) continue;
      incoming_ = Reassembly(fragment->sequence);
      next_message_ = fragment->sequence;
      next_plain_record_ = record_sequence;
    }
    if (fragment->sequence < incoming_.next()) flight_is_due_ = !flight_.empty();
    incoming_.add(*fragment);
    if (const auto taken = take_messages(); !taken) return taken;
  }
  return {};
}

Result<void> ServerHandshake::on_protected(const Record& record) {
  if (!session_) return {};  // out of order: the device will repeat its flight
  const auto received = session_->receive(record);
  if (!received || received->type != ContentType::handshake) return {};
  ByteView content = received->content;
  const auto fragment = take_fragment(content);
  if (!fragment || fragment->type != HandshakeType::finished) return {};
  if (established_) {
    flight_is_due_ = true;
    return {};
  }
  incoming_.add(*fragment);
  return take_messages();
}

Result<void> ServerHandshake::take_messages() {
  while (const auto message = incoming_.take())
    if (const auto taken = on_message(*message); !taken) return taken;
  return {};
}

Result<void> ServerHandshake::on_message(const HandshakeMessage& message) {
  const auto expect = [&](HandshakeType type) { return message.type == type; };
  switch (await_) {
    case Await::client_hello:
      if (expect(HandshakeType::client_hello)) return on_client_hello(message);
      break;
    case Await::certificate:
      if (expect(HandshakeType::certificate)) {
        auto key = parse_certificate(message.body);
        if (!key) return tl::unexpected(key.error());
        client_key_ = std::move(*key);
        append(transcript_, message.encoded());
        await_ = Await::client_key_exchange;
        return {};
      }
      break;
    case Await::client_key_exchange:
      if (expect(HandshakeType::client_key_exchange)) return on_key_exchange(message);
      break;
    case Await::certificate_verify:
      if (expect(HandshakeType::certificate_verify)) return on_certificate_verify(message);
      break;
    case Await::finished:
      if (expect(HandshakeType::finished)) return on_finished(message);
      break;
    case Await::nothing: return {};
  }
  return tl::unexpected(refused("the device's handshake messages come in another order than any known version's"));
}

// Appends to the transcript; the bytes go into a flight.
Bytes ServerHandshake::say(HandshakeType type, Bytes body) {
  HandshakeMessage message;
  message.type = type;
  message.sequence = next_message_++;
  message.body = std::move(body);
  auto encoded = message.encoded();
  append(transcript_, encoded);
  return encoded;
}

Result<void> ServerHandshake::on_client_hello(const HandshakeMessage& message) {
  const auto hello = parse_client_hello(message.body);
  if (!hello) return tl::unexpected(hello.error());
  if (auto unsupported_reason = hello->unsupported_reason(); !unsupported_reason.empty())
    return tl::unexpected(refused(std::move(unsupported_reason)));
  auto ephemeral = crypto::EcPrivateKey::from_scalar(random_.scalar);
  if (!ephemeral)
    return tl::unexpected(
        Error{ErrorKind::internal, "the number drawn for a handshake makes no key; the device will try again"});
  client_random_ = hello->random;
  if (hello->offers_connection_id) connection_id_ = random_.connection_id;
  append(transcript_, message.encoded());

  const auto parameters = key_exchange_parameters(ephemeral->public_point());
  Bytes signed_bytes = client_random_;
  append(signed_bytes, random_.random);
  append(signed_bytes, parameters);
  const auto signature = sign_(crypto::sha256(signed_bytes));
  ephemeral_ = std::move(*ephemeral);

  flight_.clear();
  const auto plain = [&](Bytes encoded) {
    flight_.push_back({ContentType::handshake, plain_epoch, std::move(encoded)});
  };
  plain(say(HandshakeType::server_hello, server_hello(*hello, random_.random, connection_id_)));
  plain(say(HandshakeType::server_key_exchange, server_key_exchange(parameters, signature)));
  plain(say(HandshakeType::certificate_request, certificate_request()));
  plain(say(HandshakeType::server_hello_done, {}));
  flight_is_due_ = true;
  await_ = Await::certificate;
  return {};
}

Result<void> ServerHandshake::on_key_exchange(const HandshakeMessage& message) {
  const auto point = parse_client_key_exchange(message.body);
  if (!point) return tl::unexpected(point.error());
  const auto peer = crypto::EcPublicKey::from_point(*point);
  if (!peer) return tl::unexpected(peer.error());
  auto premaster = ephemeral_->shared_secret(*peer);
  if (!premaster) return tl::unexpected(premaster.error());
  ephemeral_.reset();
  append(transcript_, message.encoded());
  master_ = master_secret(*premaster, client_random_, random_.random);
  crypto::wipe(*premaster);

  SessionState state;
  state.keys = expand_keys(master_, client_random_, random_.random);
  state.connection_id = connection_id_;
  state.client_key = client_key_;
  session_.emplace(std::move(state));
  await_ = Await::certificate_verify;
  return {};
}

Result<void> ServerHandshake::on_certificate_verify(const HandshakeMessage& message) {
  const auto key = crypto::EcPublicKey::from_spki(client_key_);
  if (!key) return tl::unexpected(key.error());
  const auto signature = parse_certificate_verify(message.body);
  if (!signature) return tl::unexpected(signature.error());
  if (!key->verify(crypto::sha256(transcript_), *signature))
    return tl::unexpected(refused("the device does not hold the private key to the public key it shows"));
  append(transcript_, message.encoded());
  await_ = Await::finished;
  return {};
}

Result<void> ServerHandshake::on_finished(const HandshakeMessage& message) {
  if (!equal_in_constant_time(message.body, verify_data(Side::client, master_, transcript_)))
    return tl::unexpected(refused("the device's Finished message does not fit the handshake"));
  append(transcript_, message.encoded());
  auto finished = say(HandshakeType::finished, verify_data(Side::server, master_, transcript_));
  crypto::wipe(master_);
  flight_.clear();
  flight_.push_back({ContentType::change_cipher_spec, plain_epoch, Bytes{1}});
  flight_.push_back({ContentType::handshake, protected_epoch, std::move(finished)});
  flight_is_due_ = true;
  await_ = Await::nothing;
  established_ = true;
  return {};
}

Datagrams ServerHandshake::retransmit_flight() {
  Datagrams datagrams;
  for (const auto& part : flight_) {
    const auto record = part.epoch == plain_epoch
        ? plain_record(part.type, in_epoch(plain_epoch, next_plain_record_++), part.content)
        : session_->seal(part.type, part.content);
    if (datagrams.empty() || datagrams.back().size() + record.size() > datagram_size) datagrams.emplace_back();
    append(datagrams.back(), record);
  }
  return datagrams;
}

}  // namespace drydock::transport::dtls
