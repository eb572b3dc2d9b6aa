// The handshake and frames against computed vectors and recordings of real device firmware.
#include "base/limits.hpp"
#include "coap/message.hpp"
#include "crypto/hash.hpp"
#include "support/data.hpp"
#include "support/world.hpp"
#include "transport/lightssl/channel.hpp"
#include "transport/lightssl/frames.hpp"
#include "transport/lightssl/handshake.hpp"
#include "transport/tcp_listener.hpp"

#include <asio/ip/tcp.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

using namespace drydock;
using namespace drydock::testing;
using namespace drydock::transport;

namespace {

// Gives out bytes that were written down.
class Replay final : public crypto::Random {
public:
  explicit Replay(Bytes bytes) : bytes_(std::move(bytes)) {}
  void fill(std::span<std::uint8_t> into) override {
    for (auto& byte : into) byte = bytes_.at(at_++);
  }

private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

lightssl::Credentials credentials_of(const Bytes& bytes) {
  lightssl::Credentials credentials;
  BOOST_REQUIRE(bytes.size() == credentials.bytes.size());
  std::copy(bytes.begin(), bytes.end(), credentials.bytes.begin());
  return credentials;
}

crypto::AesKey key_of(const Bytes& b) {
  crypto::AesKey k;
  std::copy_n(b.begin(), 16, k.begin());
  return k;
}
crypto::AesBlock block_of(const Bytes& b) {
  crypto::AesBlock k;
  std::copy_n(b.begin(), 16, k.begin());
  return k;
}

// Its window stays shut: nothing that is written gets anywhere.
struct Stuck final : ByteStream {
  explicit Stuck(asio::io_context& loop) : timer(loop) {}
  Timer timer;
  bool closed = false;
  asio::awaitable<asio::error_code> wait_readable() override { co_return asio::error::eof; }
  ReadResult read_now(std::span<std::uint8_t>) override { return {asio::error::eof, 0}; }
  asio::awaitable<asio::error_code> write_all(ByteView) override {
    timer.expires_after(std::chrono::hours(100));
    (void)co_await timer.async_wait(as_result);
    co_return asio::error::operation_aborted;
  }
  void cancel() override { timer.cancel(); }
  void close() override {
    closed = true;
    timer.cancel();
  }
  std::string peer() const override { return "10.0.0.1:1"; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lightssl_transport)

BOOST_AUTO_TEST_CASE(the_computed_handshake_is_reproduced_byte_for_byte) {
  const auto v = load_json("01_lightssl_handshake.json");
  const auto server = crypto::RsaPrivateKey::parse(view_of(text_in(v["server_private_key_pem"])));
  BOOST_REQUIRE(server.has_value());
  BOOST_TEST(to_hex(server->public_key_spki()) == text_in(v["server_public_key_der"]));

  const auto plaintext = server->decrypt(hex(v["step2_device_sends_256"]));
  BOOST_REQUIRE(plaintext.has_value());
  BOOST_TEST(to_hex(*plaintext) == text_in(v["step2_plaintext_214"]));
  const auto identity = lightssl::parse_handshake(*plaintext, hex(v["step1_server_sends_nonce_40"]));
  BOOST_REQUIRE(identity.has_value());
  BOOST_TEST(identity->id.text() == text_in(v["device_id_hex"]));
  BOOST_TEST(to_hex(identity->public_key) == text_in(v["device_public_key_der_162"]));

  const auto device_key = crypto::RsaPublicKey::from_spki(identity->public_key);
  BOOST_REQUIRE(device_key.has_value());
  const auto credentials = credentials_of(hex(v["step3_credentials_40"]));
  const auto block = hex(v["step3_padded_block_128"]);
  Replay padding(Bytes(block.begin() + 2, block.end() - 41));
  auto encrypted = device_key->encrypt(credentials.bytes, padding);
  BOOST_REQUIRE(encrypted.has_value());
  BOOST_TEST(to_hex(*encrypted) == text_in(v["step3_ciphertext_128"]));
  BOOST_TEST(to_hex(crypto::hmac_sha1(credentials.bytes, *encrypted)) == text_in(v["step3_hmac_sha1_20"]));
  const auto reply = lightssl::sign_reply(credentials, *encrypted, *server);
  BOOST_REQUIRE(reply.has_value());
  BOOST_TEST(to_hex(*reply) == text_in(v["step3_server_sends_384"]));
  BOOST_TEST(to_hex(credentials.key()) == text_in(v["derived"]["aes_key"]));
  BOOST_TEST(to_hex(credentials.initial_vector()) == text_in(v["derived"]["initial_iv_both_directions"]));
}

BOOST_AUTO_TEST_CASE(the_computed_frames_are_reproduced_both_ways) {
  const auto v = load_json("02_aes_cbc_frames.json");
  for (const auto* direction : {"device_to_server", "server_to_device"}) {
    lightssl::FrameWriter writer(key_of(hex(v["aes_key"])), block_of(hex(v["initial_iv"])));
    lightssl::FrameReader reader(key_of(hex(v["aes_key"])), block_of(hex(v["initial_iv"])));
    for (const auto& frame : v[direction]) {
      Bytes wire;
      writer.seal(hex(frame["coap_plaintext"]), wire);
      BOOST_TEST(to_hex(wire) == text_in(frame["frame_on_wire"]));
      // One byte at a time, as a network may deliver it.
      std::optional<Bytes> message;
      for (const auto byte : wire) {
        BOOST_TEST(!message.has_value());
        reader.feed({&byte, 1});
        message = *reader.next();
      }
      BOOST_REQUIRE(message.has_value());
      BOOST_TEST(to_hex(*message) == text_in(frame["coap_plaintext"]));
    }
  }
}

BOOST_DATA_TEST_CASE(a_recorded_session_decodes_and_encodes_identically,
    boost::unit_test::data::make(
        {"tcp-0.4.9-host.jsonl", "tcp-0.5.5-host.jsonl", "tcp-0.6.3-host.jsonl", "tcp-0.7.0-host.jsonl",
            "tcp-1.0.1-host.jsonl", "tcp-1.5.2-host.jsonl", "tcp-2.3.1-normal.jsonl", "tcp-photon-6.2.0-fast.jsonl"}),
    file) {
  const auto keys = load_json("tcp-keys.json");
  const auto server = crypto::RsaPrivateKey::parse(hex(keys["server_private_key_pkcs8_der"]));
  BOOST_REQUIRE(server.has_value());
  const auto device = crypto::RsaPrivateKey::parse(hex(keys["device_private_key_pkcs1_der"]));
  BOOST_REQUIRE(device.has_value());

  Bytes nonce;
  Bytes cipher;
  int sessions = 0;
  int frames = 0;
  std::map<std::string, std::unique_ptr<lightssl::FrameReader>> readers;
  std::map<std::string, std::unique_ptr<lightssl::FrameWriter>> writers;
  std::map<std::string, std::vector<Bytes>> recorded_frames;
  std::map<std::string, std::vector<Bytes>> recorded_messages;

  const auto compare = [&] {
    for (auto& [direction, messages] : recorded_messages) {
      BOOST_REQUIRE(messages.size() == recorded_frames[direction].size());
      for (std::size_t i = 0; i < messages.size(); ++i) {
        readers[direction]->feed(recorded_frames[direction][i]);
        const auto message = readers[direction]->next();
        BOOST_REQUIRE(message.has_value() && message->has_value());
        BOOST_TEST(to_hex(**message) == to_hex(messages[i]));
        Bytes wire;
        writers[direction]->seal(messages[i], wire);
        BOOST_TEST(to_hex(wire) == to_hex(recorded_frames[direction][i]));
        const auto parsed = coap::decode(messages[i]);
        BOOST_REQUIRE(parsed.has_value());
        BOOST_TEST(to_hex(coap::encode(*parsed)) == to_hex(messages[i]));
        ++frames;
      }
    }
    recorded_frames.clear();
    recorded_messages.clear();
  };

  for (const auto& event : load_json_lines(file)) {
    const auto what = text_in(event["ev"]);
    if (what == "nonce") {
      compare();
      ++sessions;
      nonce = hex(event["hex"]);
    } else if (what == "handshake_cipher") {
      cipher = hex(event["hex"]);
    } else if (what == "handshake_blob") {
      const auto padded = hex(event["padded_plaintext"]);
      const auto plaintext = server->decrypt(cipher);
      BOOST_REQUIRE(plaintext.has_value());
      BOOST_TEST(to_hex(*plaintext) == to_hex(ByteView(padded).last(plaintext->size())));
      const auto identity = lightssl::parse_handshake(*plaintext, nonce);
      BOOST_REQUIRE(identity.has_value());
      BOOST_TEST(identity->id.text() == text_in(keys["device_id"]));
      // The device's ciphertext again, from its padding.
      const auto server_public = crypto::RsaPublicKey::from_spki(server->public_key_spki());
      Replay padding(Bytes(padded.begin() + 2, padded.end() - static_cast<std::ptrdiff_t>(plaintext->size()) - 1));
      BOOST_TEST(to_hex(*server_public->encrypt(*plaintext, padding)) == to_hex(cipher));
    } else if (what == "session_key") {
      const auto credentials = credentials_of(hex(event["credentials"]));
      const auto ciphertext = hex(event["ciphertext"]);
      BOOST_TEST(to_hex(*device->decrypt(ciphertext)) == text_in(event["credentials"]));
      const auto reply = lightssl::sign_reply(credentials, ciphertext, *server);
      BOOST_REQUIRE(reply.has_value());
      BOOST_TEST(to_hex(*reply) == text_in(event["ciphertext"]) + text_in(event["signature"]));
      for (const auto* direction : {"device_to_server", "server_to_device"}) {
        readers[direction] = std::make_unique<lightssl::FrameReader>(credentials.key(), credentials.initial_vector());
        writers[direction] = std::make_unique<lightssl::FrameWriter>(credentials.key(), credentials.initial_vector());
      }
    } else if (what == "frame") {
      recorded_frames[event["dir"]].push_back(hex(event["hex"]));
    } else if (what == "message") {
      recorded_messages[event["dir"]].push_back(hex(event["plain"]));
    }
  }
  compare();
  BOOST_TEST(sessions >= 1);
  BOOST_TEST(frames > 30);
}

BOOST_AUTO_TEST_CASE(a_handshake_must_repeat_the_nonce_and_have_an_id) {
  const Bytes nonce(40, 1);
  Bytes blob(52, 1);
  BOOST_TEST(lightssl::parse_handshake(blob, nonce).has_value());  // an old Core, which sends no key
  BOOST_TEST(lightssl::parse_handshake(blob, nonce)->public_key.empty());
  blob[39] = 2;
  BOOST_TEST((lightssl::parse_handshake(blob, nonce).error().kind == ErrorKind::refused));
  BOOST_TEST((lightssl::parse_handshake(ByteView(nonce), nonce).error().kind == ErrorKind::malformed));
}

BOOST_AUTO_TEST_CASE(frames_of_impossible_length_are_refused_before_they_are_waited_for) {
  const auto refuse = [](const char* length) {
    lightssl::FrameReader reader({}, {});
    reader.feed(hex(std::string(length)));
    const auto next = reader.next();
    BOOST_REQUIRE(!next.has_value());
    return next.error().kind;
  };
  BOOST_TEST((refuse("0810") == ErrorKind::too_large));
  BOOST_TEST((refuse("ffff") == ErrorKind::too_large));
  BOOST_TEST((refuse("0000") == ErrorKind::malformed));
  BOOST_TEST((refuse("0011") == ErrorKind::malformed));
}

BOOST_AUTO_TEST_CASE(a_frame_of_noise_is_refused) {
  lightssl::FrameReader reader({}, {});
  reader.feed(hex("0020" + std::string(64, '5')));
  BOOST_TEST(!reader.next().has_value());
}

// As a pool of several threads asks for them.
BOOST_AUTO_TEST_CASE(private_operations_of_one_key_run_beside_each_other) {
  const auto key = crypto::RsaPrivateKey::generate(2048);
  const auto publicly = crypto::RsaPublicKey::from_spki(key.public_key_spki());
  crypto::SystemRandom random;
  std::vector<Bytes> plaintexts;
  std::vector<Bytes> ciphertexts;
  for (std::uint8_t i = 0; i < 24; ++i) {
    plaintexts.emplace_back(40, i);
    ciphertexts.push_back(*publicly->encrypt(plaintexts.back(), random));
  }
  const Bytes digest(20, 7);
  const auto signature = *key.sign_bare(digest);
  std::atomic<int> right = 0;
  const auto work = [&](std::size_t first) {
    for (auto i = first; i < ciphertexts.size(); i += 3)
      right += static_cast<int>(*key.decrypt(ciphertexts[i]) == plaintexts[i] && *key.sign_bare(digest) == signature);
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 3; ++i) threads.emplace_back(work, i);
  for (auto& thread : threads) thread.join();
  BOOST_TEST(right == 24);
}

BOOST_AUTO_TEST_CASE(private_keys_survive_being_written_down) {
  const auto key = crypto::RsaPrivateKey::generate(2048);
  const auto again = crypto::RsaPrivateKey::parse(view_of(key.to_pem()));
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST(to_hex(again->public_key_spki()) == to_hex(key.public_key_spki()));
  BOOST_TEST(key.public_key_spki().size() == 294u);
  BOOST_TEST(!crypto::RsaPrivateKey::parse(view_of("-----BEGIN nonsense")).has_value());
  BOOST_TEST(!crypto::RsaPublicKey::from_spki(Bytes(162, 7)).has_value());
}

// A peer whose window stays shut holds nobody for ever.
BOOST_AUTO_TEST_CASE(who_takes_nothing_is_let_go) {
  SimulatedWorld world;
  Stuck stream(world.loop);
  lightssl::LightsslChannel channel(world.loop.get_executor(), stream, lightssl::make_credentials(world.random));
  std::optional<Result<void>> sent;
  const auto ping = coap::empty_acknowledgement(7);
  world.spawn([&]() -> asio::awaitable<void> { sent.emplace(co_await channel.send(ping, Flush::now)); });
  world.advance(limits::write_timeout - std::chrono::seconds(1));
  BOOST_TEST(!sent.has_value());
  world.advance(std::chrono::seconds(10));
  BOOST_TEST(stream.closed);
  BOOST_REQUIRE(sent.has_value());
  BOOST_TEST((sent->error().kind == ErrorKind::timed_out));
  stream.timer.cancel();
  world.run_until_idle();
}

// Counted while they live: when one has left, another may come.
BOOST_AUTO_TEST_CASE(so_many_connections_of_one_address) {
  asio::io_context loop;
  std::vector<std::shared_ptr<ByteStream>> in;
  int connection_rejected = 0;
  TcpListener listener(
      loop, {asio::ip::make_address("127.0.0.1"), 0}, transport::TcpListener::Most{10, 2},
      [&](std::shared_ptr<ByteStream> s) { in.push_back(std::move(s)); },
      [&](const Error&, const std::string&) { ++connection_rejected; }, [](const std::string&) { return false; });
  listener.start();
  std::vector<asio::ip::tcp::socket> clients;
  for (int i = 0; i < 3; ++i)
    clients.emplace_back(loop).connect({asio::ip::make_address("127.0.0.1"), listener.port()});
  loop.run_for(std::chrono::milliseconds(200));
  BOOST_TEST(in.size() == 2u);
  BOOST_TEST(connection_rejected == 1);
  in.pop_back();  // one goes, and another may come
  clients.emplace_back(loop).connect({asio::ip::make_address("127.0.0.1"), listener.port()});
  loop.restart();
  loop.run_for(std::chrono::milliseconds(200));
  BOOST_TEST(in.size() == 2u);
  listener.stop();
  loop.restart();
  loop.run_for(std::chrono::milliseconds(50));
}

BOOST_AUTO_TEST_SUITE_END()
