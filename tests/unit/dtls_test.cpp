// DTLS against computed records and a recorded session of real device firmware (Device OS 6.2.0 as a Boron).
#include "support/data.hpp"
#include "transport/dtls/cookie.hpp"
#include "transport/dtls/handshake.hpp"
#include "transport/dtls/reassembly.hpp"

#include <algorithm>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <random>

using namespace drydock;
using namespace drydock::testing;
using namespace drydock::transport;

namespace {

struct Recording {
  std::vector<nlohmann::json> lines = load_json_lines("dtls-boron-6.2.0.jsonl");
  nlohmann::json keys = load_json("dtls-keys.json");

  nlohmann::json find(const std::string& event, const std::string& direction = "", std::size_t nth = 0) const {
    for (const auto& line : lines)
      if (line.at("ev") == event && (direction.empty() || line.at("dir") == direction) && nth-- == 0) return line;
    throw std::runtime_error("not in the recording: " + event);
  }
  Bytes datagram(const std::string& direction, std::size_t nth) const {
    return hex(find("datagram", direction, nth).at("hex"));
  }
  Bytes to_server(std::size_t nth) const { return datagram("device_to_server", nth); }
  Bytes to_device(std::size_t nth) const { return datagram("server_to_device", nth); }

  dtls::HandshakeRandom draw() const {
    const auto secrets = find("server_secrets");
    dtls::HandshakeRandom draw;
    std::ranges::copy(hex(secrets.at("server_random")), draw.random.begin());
    std::ranges::copy(hex(secrets.at("ecdhe_private_scalar")), draw.scalar.begin());
    std::ranges::copy(hex(secrets.at("cid")), draw.connection_id.begin());
    return draw;
  }
  crypto::EcPrivateKey server_key() const {
    return std::move(*crypto::EcPrivateKey::parse(hex(keys.at("server_private_key_sec1_der"))));
  }
  // The signature of the recorded ServerKeyExchange: ECDSA draws a number for each, so it cannot be made again.
  Bytes recorded_signature() const {
    const auto flight = to_device(1);
    const Bytes head = hex("040300");
    const auto at = std::search(flight.begin() + 100, flight.end(), head.begin(), head.end());
    const auto size = at[3];
    return Bytes(at + 4, at + 4 + size);
  }
  dtls::ServerHandshake handshake() const {
    const auto key = std::make_shared<crypto::EcPrivateKey>(server_key());
    return {[key, signature = recorded_signature()](ByteView digest) {
              const auto spki = crypto::EcPublicKey::from_spki(key->public_key_spki());
              BOOST_TEST(spki->verify(digest, signature));
              return signature;
            },
        draw()};
  }
  dtls::ServerHandshake finished_handshake() const {
    auto server = handshake();
    (void)server.on_datagram(to_server(1));
    (void)server.on_datagram(to_server(2));
    BOOST_REQUIRE(server.established());
    return server;
  }
};

dtls::Record only_record(ByteView datagram) {
  auto record = dtls::take_record(datagram);
  BOOST_REQUIRE(record.has_value());
  BOOST_REQUIRE(datagram.empty());
  return *record;
}

crypto::AesKey key_of(const Bytes& b) {
  crypto::AesKey k;
  std::copy_n(b.begin(), 16, k.begin());
  return k;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dtls_transport, Recording)

BOOST_AUTO_TEST_CASE(the_computed_records_are_reproduced) {
  const auto v = load_json("11_dtls_records.json");
  const auto key = key_of(hex(v["write_key"]));
  dtls::FixedIv iv;
  std::ranges::copy(hex(v["fixed_iv_4"]), iv.begin());
  const auto plaintext = hex(v["coap_plaintext"]);
  const auto number = dtls::in_epoch(1, 5);
  BOOST_TEST(to_hex(dtls::sealed_record(dtls::ContentType::application_data, number, plaintext, {key, iv})) ==
      text_in(v["plain_record_server_to_device"]["record_type_23"]));

  for (const char* form : {"record_type_25", "same_record_after_session_move_type_253 (>=4.0)"}) {
    const auto datagram = hex(v["cid_record_device_to_server"][form]);
    const auto opened = dtls::open(only_record(datagram), {key, iv});
    BOOST_REQUIRE(opened.has_value());
    BOOST_TEST((opened->type == dtls::ContentType::application_data));
    BOOST_TEST(opened->content == plaintext);
  }
}

BOOST_AUTO_TEST_CASE(the_recorded_handshake_is_reproduced_byte_for_byte) {
  auto server = handshake();
  const auto flight = server.on_datagram(to_server(1));
  BOOST_REQUIRE(flight.has_value());
  BOOST_REQUIRE(flight->size() == 1u);
  BOOST_TEST(to_hex(flight->front()) == to_hex(to_device(1)));
  BOOST_TEST(!server.established());

  const auto last = server.on_datagram(to_server(2));
  BOOST_REQUIRE(last.has_value());
  BOOST_REQUIRE(server.established());
  BOOST_TEST(to_hex(last->at(0)) == to_hex(to_device(2)));
  BOOST_TEST(to_hex(server.session().state().keys.key_block()) == text_in(find("keys").at("key_block")));
  BOOST_TEST(to_hex(server.session().state().client_key) == text_in(keys["device_public_key_spki_der"]));
}

BOOST_AUTO_TEST_CASE(key_schedule_and_both_finished_values_are_the_recorded_ones) {
  const auto premaster = hex(find("keys").at("premaster"));
  const auto client_random = hex(find("server_secrets").at("client_random"));
  const auto server_random = hex(find("server_secrets").at("server_random"));
  const auto master = dtls::master_secret(premaster, client_random, server_random);
  BOOST_TEST(to_hex(master) == text_in(find("keys").at("master")));
  BOOST_TEST(to_hex(dtls::expand_keys(master, client_random, server_random).key_block()) ==
      text_in(find("keys").at("key_block")));

  const auto transcript = find("transcript_before_client_finished");
  auto so_far = hex(transcript.at("hex"));
  BOOST_TEST(
      to_hex(dtls::verify_data(dtls::Side::client, master, so_far)) == text_in(transcript.at("client_verify_data")));
  dtls::HandshakeMessage finished;
  finished.type = dtls::HandshakeType::finished;
  finished.sequence = 5;
  finished.body = hex(transcript.at("client_verify_data"));
  append(so_far, finished.encoded());
  BOOST_TEST(to_hex(dtls::verify_data(dtls::Side::server, master, so_far)) ==
      text_in(find("server_finished").at("verify_data")));

  const auto scalar = hex(find("server_secrets").at("ecdhe_private_scalar"));
  const auto ours = crypto::EcPrivateKey::from_scalar(scalar);
  const auto device_flight = to_server(2);
  const Bytes head = hex("4104");
  const auto point = std::search(device_flight.begin() + 110, device_flight.end(), head.begin(), head.end()) + 1;
  const auto theirs = crypto::EcPublicKey::from_point(ByteView(point, point + 65));
  BOOST_TEST(to_hex(*ours->shared_secret(*theirs)) == to_hex(premaster));
}

// Every record after the handshake, both ways, in the order it was seen, the move by type 253 among them.
BOOST_AUTO_TEST_CASE(every_recorded_record_is_reproduced) {
  auto server = finished_handshake();
  auto& session = server.session();
  std::size_t opened = 0, encrypted = 0, moved = 0;
  const nlohmann::json* from_device = nullptr;
  for (std::size_t i = 12; i < lines.size(); ++i) {
    const auto& line = lines[i];
    if (line["ev"] == "datagram" && line["dir"] == "device_to_server") from_device = &line;
    if (line["ev"] == "record_from_device") {
      const auto datagram = hex(from_device->at("hex"));
      const auto record = only_record(datagram);
      moved += record.type == dtls::ContentType::resumed;
      const auto received = session.receive(record);
      BOOST_REQUIRE(received.has_value());
      auto inner = received->content;
      inner.push_back(static_cast<std::uint8_t>(received->type));
      inner.resize((inner.size() + 15) / 16 * 16);
      BOOST_TEST(to_hex(inner) == text_in(line["inner_plaintext"]));
      BOOST_TEST(received->newest);
      BOOST_TEST(!session.receive(record).has_value());  // a second time
      ++opened;
    }
    if (line["ev"] == "record_to_device") {
      BOOST_TEST(to_hex(session.seal(dtls::ContentType::application_data, hex(line["plaintext"]))) ==
          text_in(lines[i + 1].at("hex")));
      ++encrypted;
    }
  }
  BOOST_TEST(opened == 11u);
  BOOST_TEST(encrypted == 11u);
  BOOST_TEST(moved == 3u);
}

BOOST_AUTO_TEST_CASE(no_bit_of_a_record_can_be_changed) {
  const auto datagram = to_server(3);
  for (std::size_t bit = 0; bit < datagram.size() * 8; ++bit) {
    auto server = finished_handshake();
    auto forged = datagram;
    forged[bit / 8] = static_cast<std::uint8_t>(forged[bit / 8] ^ 1 << bit % 8);
    ByteView rest = forged;
    while (const auto record = dtls::take_record(rest)) BOOST_TEST(!server.session().receive(*record).has_value());
    BOOST_TEST(server.session().receive(only_record(datagram)).has_value());  // and the real one is still welcome
    if (bit > 64 && bit % 8 == 0) bit += 32;  // each handshake costs; the header is tried in full
  }
}

// Good keys are not enough: a device that was given a connection id has to use it.
BOOST_AUTO_TEST_CASE(a_record_without_the_connection_id_is_not_taken) {
  auto server = finished_handshake();
  const auto& keys_of_client = server.session().state().keys;
  const auto without = dtls::sealed_record(dtls::ContentType::application_data, dtls::in_epoch(1, 50),
      Bytes{1, 2, 3, 4, 5}, {keys_of_client.client, keys_of_client.client_iv});
  BOOST_TEST(!server.session().receive(only_record(without)).has_value());
}

// Nobody has vouched for a fragment: what is too long, or contradicts what came before, writes nowhere.
BOOST_AUTO_TEST_CASE(fragments_that_contradict_each_other_are_ignored) {
  dtls::Reassembly pieces(0);
  const auto fragment = [](std::size_t length, std::size_t offset, const Bytes& bytes) {
    dtls::HandshakeFragment f{};
    f.type = dtls::HandshakeType::certificate;
    f.length = static_cast<std::uint32_t>(length);
    f.sequence = 0;
    f.offset = static_cast<std::uint32_t>(offset);
    f.bytes = bytes;
    return f;
  };
  const Bytes five(5, 1), many(100, 2), all(limits::handshake_message + 1, 3);
  pieces.add(fragment(limits::handshake_message + 1, 0, all));
  BOOST_TEST(!pieces.take().has_value());
  pieces.add(fragment(10, 0, five));
  pieces.add(fragment(2'000, 1'000, many));
  BOOST_TEST(!pieces.take().has_value());
  pieces.add(fragment(10, 5, five));
  const auto message = pieces.take();
  BOOST_REQUIRE(message.has_value());
  BOOST_TEST(message->body == Bytes(10, 1));
}

BOOST_AUTO_TEST_CASE(records_out_of_order_are_taken_once_and_old_ones_never) {
  dtls::ReplayWindow window;
  for (const std::uint64_t n : {5U, 3U, 4U, 100U, 99U, 37U}) {
    BOOST_TEST(window.is_new(n));
    window.note(n);
    BOOST_TEST(!window.is_new(n));
  }
  BOOST_TEST(window.is_new(38));
  BOOST_TEST(!window.is_new(36));  // 64 behind: nobody knows any more
  BOOST_TEST(!window.is_new(2));
  const dtls::ReplayWindow again(window.next(), window.seen());
  BOOST_TEST(!again.is_new(100));
  BOOST_TEST(again.is_new(101));
  BOOST_TEST(again.is_new(38));
}

// The recorded flight of the device, cut into fragments of a few bytes that come in any order and more than once.
BOOST_DATA_TEST_CASE(
    a_flight_in_pieces_and_out_of_order_is_put_together, boost::unit_test::data::xrange(1u, 9u), seed) {
  std::mt19937 random(seed);
  auto server = handshake();
  (void)server.on_datagram(to_server(1));
  std::vector<Bytes> pieces;
  Bytes finished;
  const auto datagram = to_server(2);
  ByteView rest = datagram;
  std::uint64_t number = 2;
  while (const auto record = dtls::take_record(rest)) {
    if (record->epoch() == 1)
      finished.assign(datagram.end() - static_cast<std::ptrdiff_t>(record->fragment.size() + 21), datagram.end());
    if (record->epoch() == 1 || record->type != dtls::ContentType::handshake) continue;
    ByteView content = record->fragment;
    const auto whole = *dtls::take_fragment(content);
    for (std::size_t at = 0; at < whole.length;) {
      const auto size = std::min<std::size_t>(whole.length - at, 1 + random() % 40);
      Bytes piece(record->fragment.begin(), record->fragment.begin() + 6);  // type, length, message number
      for (const auto part : {at, size})
        for (const int shift : {16, 8, 0}) piece.push_back(static_cast<std::uint8_t>(part >> shift));
      append(piece, whole.bytes.subspan(at, size));
      pieces.push_back(dtls::plain_record(dtls::ContentType::handshake, dtls::in_epoch(0, number++), piece));
      at += size;
    }
  }
  pieces.push_back(pieces[random() % pieces.size()]);
  std::shuffle(pieces.begin(), pieces.end(), random);
  for (const auto& piece : pieces) BOOST_REQUIRE(server.on_datagram(piece).has_value());
  BOOST_TEST(!server.established());
  const auto answer = server.on_datagram(finished);
  BOOST_REQUIRE(server.established());
  BOOST_TEST(to_hex(answer->at(0))
                 .ends_with(to_hex(to_device(2)).substr(28)));  // the records' numbers may differ, the content not
}

BOOST_AUTO_TEST_CASE(a_lost_flight_is_sent_again_with_fresh_numbers_whoever_notices_first) {
  auto server = handshake();
  (void)server.on_datagram(to_server(1));
  const auto again = server.retransmit_flight();
  BOOST_REQUIRE(again.size() == 1u);
  BOOST_TEST(to_hex(again[0]).substr(26, 100) == to_hex(to_device(1)).substr(26, 100));
  BOOST_TEST(again[0] != to_device(1));
  const auto repeated = server.on_datagram(to_server(1));  // the device says ClientHello once more
  BOOST_TEST(repeated->size() == 1u);

  // The last flight is lost: the device repeats its own, with a new number for Finished, which only it can make.
  BOOST_REQUIRE(server.on_datagram(to_server(2)).has_value());
  BOOST_REQUIRE(server.established());
  const auto replayed = server.on_datagram(to_server(2));
  BOOST_REQUIRE(replayed.has_value());
  BOOST_TEST(replayed->size() == 1u);  // its Certificate is old news, and asks for the flight
}

BOOST_AUTO_TEST_CASE(nothing_is_believed_out_of_order_or_unprotected) {
  {
    auto server = handshake();
    BOOST_TEST(server.on_datagram(to_server(2))->empty());  // before any ClientHello
    BOOST_TEST(!server.established());
  }
  {
    // Finished as plain text, behind a flight whose protected Finished was cut off.
    auto server = handshake();
    (void)server.on_datagram(to_server(1));
    auto flight = to_server(2);
    flight.resize(flight.size() - 69);
    BOOST_REQUIRE(server.on_datagram(flight).has_value());
    const auto finished =
        hex("1400000c000500000000000c" + text_in(find("transcript_before_client_finished").at("client_verify_data")));
    (void)server.on_datagram(dtls::plain_record(dtls::ContentType::handshake, dtls::in_epoch(0, 9), finished));
    BOOST_TEST(!server.established());
  }
  {
    // Another key than the one that signs.
    auto server = handshake();
    (void)server.on_datagram(to_server(1));
    auto flight = to_server(2);
    const auto client = crypto::EcPrivateKey::generate().public_key_spki();
    std::copy(client.begin(), client.end(), flight.begin() + 13 + 12 + 3);
    const auto answer = server.on_datagram(flight);
    BOOST_REQUIRE(!answer.has_value());
    BOOST_TEST(answer.error().message.find("does not hold the private key") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_client_without_the_profile_is_told_apart) {
  auto hello = to_server(1);
  const Bytes suite = hex("c0ae");
  const auto where = std::search(hello.begin(), hello.end(), suite.begin(), suite.end());
  where[1] = 0x2b;
  auto server = handshake();
  const auto answer = server.on_datagram(hello);
  BOOST_REQUIRE(!answer.has_value());
  BOOST_TEST(answer.error().message.find("cipher suite") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_cookie_is_good_for_one_address_and_one_random_only) {
  class Fixed final : public crypto::Random {
    void fill(std::span<std::uint8_t> into) override { std::ranges::fill(into, std::uint8_t{7}); }
  } fixed;
  const dtls::CookieMaker maker(fixed);
  const Bytes random(32, 1), other(32, 2);
  const auto cookie = maker.make("10.0.0.1:5684", random);
  BOOST_TEST(cookie.size() == 32u);
  BOOST_TEST(maker.check(cookie, "10.0.0.1:5684", random));
  BOOST_TEST(!maker.check(cookie, "10.0.0.2:5684", random));
  BOOST_TEST(!maker.check(cookie, "10.0.0.1:5684", other));
  BOOST_TEST(!maker.check({}, "10.0.0.1:5684", random));
}

BOOST_AUTO_TEST_CASE(ec_keys_are_read_in_every_usual_form) {
  const auto key = server_key();
  const auto again = crypto::EcPrivateKey::parse(view_of(key.to_pem()));
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST(again->public_key_spki() == key.public_key_spki());
  BOOST_TEST(key.public_key_spki().size() == 91u);
  auto padded = key.public_key_spki();
  padded.resize(192, 0xff);
  BOOST_TEST(crypto::EcPublicKey::from_spki(padded)->spki() == key.public_key_spki());
  auto off_the_curve = key.public_key_spki();
  off_the_curve.back() ^= 1;
  BOOST_TEST(!crypto::EcPublicKey::from_spki(off_the_curve).has_value());
  BOOST_TEST(!crypto::EcPrivateKey::from_scalar(Bytes(32, 0)).has_value());
  BOOST_TEST(!crypto::EcPrivateKey::from_scalar(Bytes(32, 0xff)).has_value());
  BOOST_TEST(!crypto::EcPrivateKey::parse(view_of("nonsense")).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
