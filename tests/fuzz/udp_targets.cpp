// The same for what comes over UDP: records, handshakes, what is inside a session, and OTA protocol v3.
#include "coap/reliability.hpp"
#include "device/messages.hpp"
#include "target.hpp"
#include "transfer/chunk_pacer.hpp"
#include "transfer/ota_v3_messages.hpp"
#include "transport/dtls/handshake.hpp"

#include <set>

namespace {

using namespace drydock;
using namespace drydock::transport;
using namespace std::chrono_literals;

dtls::Keys known_keys() {
  Bytes block(dtls::key_block_size);
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::uint8_t>(i);
  return dtls::Keys(block);
}

constexpr std::uint8_t id_byte = 7;

dtls::SessionState known_session(bool with_id) {
  dtls::SessionState state;
  state.keys = known_keys();
  if (with_id) state.connection_id.emplace().fill(id_byte);
  state.next_to_send = 1;
  return state;
}

/// A record as a device from 3.1 on makes it: the server only ever opens such, so the server's code has no words for
/// it.
Bytes record_with_id(dtls::ContentType outer, dtls::EpochAndSequence number, ByteView content, dtls::ContentType inner,
    std::size_t zeros) {
  const auto keys = known_keys();
  Bytes plain(content.begin(), content.end());
  plain.push_back(static_cast<std::uint8_t>(inner));
  plain.insert(plain.end(), zeros, 0);
  Bytes counted;
  put_be32(counted, static_cast<std::uint32_t>(number >> 32));
  put_be32(counted, static_cast<std::uint32_t>(number));
  const Bytes id(dtls::connection_id_size, id_byte);
  Bytes additional = counted;
  append(additional, Bytes{25, 0xfe, 0xfd});
  append(additional, id);
  additional.push_back(dtls::connection_id_size);
  put_be16(additional, static_cast<std::uint16_t>(plain.size()));
  Bytes nonce(keys.client_iv.begin(), keys.client_iv.end());
  append(nonce, counted);
  const auto ciphertext = crypto::aes_ccm_8_seal(keys.client, nonce, additional, plain);
  Bytes record{static_cast<std::uint8_t>(outer), 0xfe, 0xfd};
  append(record, counted);
  append(record, id);
  put_be16(record, static_cast<std::uint16_t>(counted.size() + ciphertext.size()));
  append(record, counted);
  append(record, ciphertext);
  return record;
}

// One datagram as it comes in from anywhere. No key is known to who sends it: nothing of it may open.
[[maybe_unused]] void fuzz_dtls_records(ByteView input) {
  dtls::Session session(known_session(!input.empty() && input[0] == 25));
  dtls::Reassembly reassembly(0);
  auto rest = input;
  while (const auto record = dtls::take_record(rest)) {
    require(record->fragment.size() <= input.size());
    require(!session.receive(*record));
    if (record->type != dtls::ContentType::handshake) continue;
    auto content = record->fragment;
    while (const auto fragment = dtls::take_fragment(content)) {
      require(fragment->offset + fragment->bytes.size() <= fragment->length);
      reassembly.add(*fragment);
    }
    while (const auto message = reassembly.take()) {
      if (const auto hello = dtls::parse_client_hello(message->body)) {
        require(hello->random.size() == dtls::random_size && hello->cookie.size() <= 255);
        (void)hello->unsupported_reason();
      }
      (void)dtls::parse_certificate(message->body);
      (void)dtls::parse_certificate_verify(message->body);
      if (const auto point = dtls::parse_client_key_exchange(message->body))
        (void)crypto::EcPublicKey::from_point(*point);
    }
  }
}

// What the server draws and signs, then datagrams, each behind its length: the seeds hold the recorded handshake.
[[maybe_unused]] void fuzz_dtls_handshake(ByteView bytes) {
  Input input(bytes);
  dtls::HandshakeRandom draw;
  input.fill(draw.random);
  input.fill(draw.scalar);
  input.fill(draw.connection_id);
  const auto signature = input.take(input.byte());
  dtls::ServerHandshake server([&](ByteView) { return Bytes(signature.begin(), signature.end()); }, draw);
  std::size_t received = 0;
  for (int datagrams = 0; datagrams < 16 && !input.empty(); ++datagrams) {
    const auto datagram = input.take(input.number());
    received += datagram.size();
    const auto answer = server.on_datagram(datagram);
    if (!answer) return;
    std::size_t sent = 0;
    for (const auto& d : *answer) sent += d.size();
    require(sent <= 4096);
    if (server.established()) {
      require(!server.session().state().client_key.empty());
      (void)server.session().seal(dtls::ContentType::application_data, {});
    }
  }
  (void)server.retransmit_flight();
}

// Who holds the keys says anything, in any order and as often as it likes. Each record counts at most once, and what is
// in it goes where a device's messages go.
[[maybe_unused]] void fuzz_dtls_session(ByteView bytes) {
  Input input(bytes);
  const bool with_id = (input.byte() & 1) != 0;
  dtls::Session session(known_session(with_id));
  coap::Reliability reliability(true);
  std::set<std::uint64_t> accepted;
  std::uint64_t sequence = 0;
  Clock::time_point now{};
  while (!input.empty()) {
    const auto how = input.byte();
    const auto step = static_cast<std::int8_t>(input.byte());
    sequence = static_cast<std::uint64_t>(std::max<std::int64_t>(0, static_cast<std::int64_t>(sequence) + step));
    const auto inner = static_cast<dtls::ContentType>((how & 1) != 0 ? input.byte() : 23);
    const auto content = input.take(input.number() % 1400);
    const std::uint16_t epoch = (how & 2) != 0 ? 2 : 1;
    const auto number = dtls::in_epoch(epoch, sequence);
    const auto keys = known_keys();
    const bool uses_id = (how & 4) == 0;
    auto datagram = uses_id
        ? record_with_id((how & 8) != 0 ? dtls::ContentType::resumed : dtls::ContentType::connection_id, number,
              content, inner, how >> 4)
        : dtls::sealed_record(inner, number, content, {keys.client, keys.client_iv});
    const bool forged = (how & 0x30) == 0x30;
    if (forged) datagram[static_cast<std::uint8_t>(step) % datagram.size()] ^= how & 1 ? 0x80 : 0x01;
    ByteView rest = datagram;
    const auto record = dtls::take_record(rest);
    const bool looks_like_one_with_id =
        !uses_id && (inner == dtls::ContentType::connection_id || inner == dtls::ContentType::resumed);
    if (!record) {
      require(forged || looks_like_one_with_id);
      continue;
    }
    const auto received = session.receive(*record);
    const bool in_window = accepted.empty() || sequence + 64 > *accepted.rbegin();
    const bool good = !forged && !looks_like_one_with_id && epoch == 1 && uses_id == with_id && in_window &&
        !accepted.contains(sequence);
    const bool says_nothing = uses_id && static_cast<std::uint8_t>(inner) == 0;
    if (!says_nothing) require(received.has_value() == good);
    if (!received) continue;
    require(good && accepted.insert(sequence).second);
    require(received->newest == (sequence == *accepted.rbegin()));
    if (received->type != dtls::ContentType::application_data) continue;
    if (!says_nothing) require(std::ranges::equal(received->content, content));

    const auto message = coap::decode(received->content);
    if (!message) continue;
    now += std::chrono::milliseconds(how);
    (void)device::request_type(*message);
    if (reliability.received(*message, now).handle) {
      auto answer = coap::empty_acknowledgement(message->id);
      if (how % 3 == 0) answer.type = coap::Type::confirmable;
      reliability.sent(answer, coap::encode(answer), now, 0.5);
    }
    (void)reliability.due(now);
    require(reliability.unacknowledged() <= bytes.size());
  }
}

// A device that reports whatever it likes, whenever it likes, about an update under way.
[[maybe_unused]] void fuzz_v3(ByteView bytes) {
  if (const auto message = coap::decode(bytes)) {
    (void)transfer::parse_started(*message);
    (void)transfer::error_words(*message);
    if (const auto report = transfer::parse_chunks_received(*message)) require(report->out_of_order.size() <= 256);
  }
  Input input(bytes);
  Clock::time_point now{};
  const std::size_t chunks = 1 + input.number() % 2000;
  transfer::ChunkPacer pacer(chunks, 1 + input.byte(), now);
  std::size_t in_order = 0;
  while (!input.empty()) {
    switch (input.byte() % 4) {
      case 0: now += std::chrono::milliseconds(input.byte()); break;
      case 1: now = std::clamp(pacer.next_wakeup(), now, now + 1h); break;
      case 2: {
        transfer::ChunksReceived report;
        report.in_order = input.number();
        for (int n = input.byte() % 16; n > 0; --n) report.out_of_order.push_back(report.in_order + input.byte());
        pacer.received(report, now);
        break;
      }
      default: {
        auto report = coap::request(coap::Type::non_confirmable, coap::Code::post, "A");
        const auto payload = input.take(input.byte());
        report.payload.assign(payload.begin(), payload.end());
        if (const auto parsed = transfer::parse_chunks_received(report)) pacer.received(*parsed, now);
      }
    }
    pacer.on_timer(now);
    for (int burst = 0; burst < 64; ++burst) {
      const auto chunk = pacer.next(now);
      if (!chunk) break;
      require(*chunk < chunks && *chunk >= pacer.in_order());
    }
    require(pacer.in_order() >= in_order && pacer.in_order() <= chunks);
    require(pacer.complete() || pacer.next_wakeup() > Clock::time_point{} || now == Clock::time_point{});
    in_order = pacer.in_order();
  }
}

}  // namespace

FUZZ_ENTRY
