// What clients and broken devices send, and that it costs nobody else anything.
#include "base/limits.hpp"
#include "device/messages.hpp"
#include "support/test_system.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;

namespace {

struct BadInputFixture : TestSystem {
  /// Somebody connects, sends these bytes and reads what comes until the server closes.
  struct RawClient {
    std::shared_ptr<MemoryStream> stream;
    Bytes received;
    bool closed = false;
  };
  std::shared_ptr<RawClient> connect_and_send(Bytes bytes) {
    auto pair = testing::connect(world, link);
    server().serve(pair.server);
    auto client = std::make_shared<RawClient>();
    client->stream = pair.device;
    world.spawn([client, bytes]() -> asio::awaitable<void> {
      (void)co_await client->stream->write_all(bytes);
      for (;;) {
        std::array<std::uint8_t, 512> chunk;
        const auto read = co_await client->stream->read_some(chunk);
        if (read.error) break;
        append(client->received, ByteView(chunk).first(read.size));
      }
      client->closed = true;
    });
    world.run_until_idle();
    return client;
  }
  /// A healthy device is brought up to date while all this goes on.
  void check_others_are_served() {
    add_firmware(system_part(1, 3));
    auto& good = start_device(9, {system_part(1, 1), user_part(1, {4, 1, 3})});
    BOOST_TEST(run_until_state(9, "current", 10min));
    BOOST_TEST(!good.flash().safe_mode());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(bad_input, BadInputFixture)

BOOST_AUTO_TEST_CASE(a_web_browser_instead_of_a_device) {
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto client = connect_and_send(Bytes(request.begin(), request.end()));
  BOOST_TEST(client->closed);
  BOOST_TEST(client->received.size() == 40u);  // the nonce, and not a byte more
  BOOST_TEST(said("10.0.0.7 was rejected: this is not a Particle device"));
  check_others_are_served();
}

BOOST_AUTO_TEST_CASE(noise_instead_of_a_handshake) {
  Bytes noise(256);
  world.random.fill(noise);
  noise[0] = 1;  // below any modulus
  const auto client = connect_and_send(noise);
  BOOST_TEST(client->closed);
  BOOST_TEST(client->received.size() == 40u);
  check_others_are_served();
}

BOOST_AUTO_TEST_CASE(half_a_handshake_then_silence_is_closed_within_ten_seconds) {
  const auto client = connect_and_send(Bytes(100, 0x81));
  world.advance(9900ms);
  BOOST_TEST(!client->closed);
  BOOST_TEST(server().sessions() == 1u);
  world.advance(200ms);
  BOOST_TEST(client->closed);
  BOOST_TEST(server().sessions() == 0u);
  check_others_are_served();
}

BOOST_AUTO_TEST_CASE(a_handshake_that_trickles_in_is_given_no_more_time) {
  const auto client = connect_and_send({});
  world.spawn([&, client]() -> asio::awaitable<void> {
    Timer pause(world.loop);
    for (int i = 0; i < 100 && !client->closed; ++i) {
      const Bytes one(1, 0x81);
      (void)co_await client->stream->write_all(one);
      pause.expires_after(1s);
      (void)co_await pause.async_wait(as_result);
    }
  });
  world.advance(10100ms);
  BOOST_TEST(client->closed);
}

BOOST_AUTO_TEST_CASE(a_device_that_holds_another_servers_key_is_named_so) {
  virtual_device::Options options;
  options.server_key = crypto::RsaPrivateKey::generate(2048).public_key_spki();
  auto& device = start_device(1, {system_part(1, 1)}, options);
  world.advance(5s);
  BOOST_TEST(!device.connected);
  BOOST_TEST(said("wrong server key in the device at 10.0.0.7"));
  // It tries again every second; a person reads it once.
  const auto rows = history();
  BOOST_TEST(
      std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.kind == "wrong_server_key"; }) == 1);
  check_others_are_served();
}

namespace {

/// Goes through the whole handshake as a device and then sends whatever it likes.
struct AuthenticatedClient {
  BadInputFixture& gate;
  virtual_device::DeviceKey key = device_key(3);
  std::shared_ptr<MemoryStream> stream;
  std::unique_ptr<virtual_device::DeviceCipher> cipher;
  bool closed = false;

  explicit AuthenticatedClient(BadInputFixture& g) : gate(g) {}
  void send_after_handshake(std::vector<Bytes> wires, std::vector<Bytes> messages) {
    auto pair = testing::connect(gate.world, gate.link);
    gate.server().serve(pair.server);
    stream = pair.device;
    gate.world.spawn([this, wires, messages]() -> asio::awaitable<void> {
      Bytes blob(40);
      co_await read(blob);
      Bytes id(12, 0);
      id[11] = 3;
      append(blob, id);
      append(blob, key.public_key_spki());
      const auto ciphertext = virtual_device::encrypt_for_server(server_key().public_key_spki(), blob);
      (void)co_await stream->write_all(ciphertext);
      Bytes reply(384);
      co_await read(reply);
      const auto credentials = *key.decrypt(ByteView(reply).first(128));
      cipher = std::make_unique<virtual_device::DeviceCipher>(
          ByteView(credentials).first(16), ByteView(credentials).subspan(16, 16));
      for (const auto& message : messages) {
        const auto frame = cipher->seal(message);
        (void)co_await stream->write_all(frame);
      }
      for (const auto& wire : wires) (void)co_await stream->write_all(wire);
      for (;;) {
        Bytes rest(1);
        const auto got = co_await stream->read_some(rest);
        if (got.error) break;
      }
      closed = true;
    });
    gate.world.run_until_idle();
  }

private:
  asio::awaitable<void> read(Bytes& into) {
    for (std::size_t have = 0; have < into.size();) {
      const auto got = co_await stream->read_some(std::span(into).subspan(have));
      if (got.error) co_return;
      have += got.size;
    }
  }
};

Bytes hello_bytes(std::uint16_t flags = 0) {
  auto hello = coap::request(coap::Type::non_confirmable, coap::Code::post, "h");
  put_be16(hello.payload, 6);
  put_be16(hello.payload, 1);
  put_be16(hello.payload, flags);
  put_be16(hello.payload, 6);
  return coap::encode(hello);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_frame_longer_than_allowed_ends_the_connection_at_once) {
  AuthenticatedClient impostor(*this);
  impostor.send_after_handshake({Bytes{0xff, 0xf0}}, {hello_bytes()});
  BOOST_TEST(impostor.closed);
  check_others_are_served();
}

BOOST_AUTO_TEST_CASE(truncated_and_absurd_coap_ends_the_connection) {
  for (const auto& bad : {Bytes{}, Bytes{0x40}, Bytes{0x4f, 1, 0, 1}, Bytes{0x40, 1, 0, 1, 0xf0},
           Bytes{0x40, 1, 0, 1, 0xde, 0xff, 0xff, 0xff}, Bytes(900, 0xee)}) {
    AuthenticatedClient first(*this);
    first.send_after_handshake({}, {bad});  // instead of Hello
    BOOST_TEST(first.closed);
    AuthenticatedClient later(*this);
    later.send_after_handshake({}, {hello_bytes(), bad});
    BOOST_TEST(later.closed);
  }
  check_others_are_served();
}

BOOST_AUTO_TEST_CASE(something_other_than_hello_comes_first) {
  AuthenticatedClient impostor(*this);
  impostor.send_after_handshake({}, {coap::encode(coap::request(coap::Type::confirmable, coap::Code::get, "t"))});
  BOOST_TEST(impostor.closed);
  BOOST_TEST(row(3).id.empty());  // nothing is remembered of a device that never proved its key
}

BOOST_AUTO_TEST_CASE(a_hello_cut_in_the_middle) {
  auto hello = coap::request(coap::Type::non_confirmable, coap::Code::post, "h");
  hello.payload = {0, 6, 0};
  AuthenticatedClient impostor(*this);
  impostor.send_after_handshake({}, {coap::encode(hello)});
  BOOST_TEST(impostor.closed);
}

BOOST_AUTO_TEST_CASE(a_flood_of_pings_ends_the_connection_and_a_reasonable_number_does_not) {
  const auto ping = coap::encode(coap::Message{});
  std::vector<Bytes> messages{hello_bytes()};
  messages.resize(400, ping);
  AuthenticatedClient lively(*this);
  lively.send_after_handshake({}, messages);
  BOOST_TEST(!lively.closed);
  messages.resize(700, ping);
  AuthenticatedClient flooding(*this);
  flooding.send_after_handshake({}, messages);
  BOOST_TEST(flooding.closed);
}

BOOST_AUTO_TEST_CASE(a_describe_of_a_hundred_kilobytes_or_of_the_wrong_shape) {
  for (const auto& text : {std::string(100'000, '{'), std::string("[1,2,3]"), std::string("{\"m\":"),
           std::string("\xff\xff\xff\xff\xff"), std::string("{\"q\":1}")}) {
    auto& device = start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})});
    device.faults.describe_instead.assign(text.begin(), text.end());
    world.advance(60s);
    BOOST_TEST(device.images_received == 0);
    device.stop();
    world.advance(5s);
  }
  BOOST_TEST(server().sessions() == 0u);
  check_others_are_served();
}

BOOST_AUTO_TEST_CASE(a_device_that_refuses_updates_is_asked_three_times_and_parked) {
  add_firmware(system_part(1, 3));
  auto& device = start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})});
  device.faults.refuses_updates = true;
  BOOST_REQUIRE(run_until_state(1, "parked", 30min));
  BOOST_TEST(steps(1).size() == 3u);
  BOOST_TEST(row(1).state_words.find("refuses the update") != std::string::npos);
  world.advance(2h);
  BOOST_TEST(steps(1).size() == 3u);
  BOOST_TEST(device.connected);  // and it is served all the same
}

BOOST_AUTO_TEST_CASE(a_device_that_says_updates_are_disabled_is_left_alone_until_it_says_otherwise) {
  add_firmware(system_part(1, 3));
  auto& device = start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})});
  device.faults.updates_disabled = true;
  BOOST_REQUIRE(run_until_state(1, "updates_disabled", 10min));
  world.advance(1h);
  BOOST_TEST(device.connected);
  BOOST_TEST(device.images_received == 0);
  BOOST_TEST(steps(1).size() <= 1u);
}

BOOST_AUTO_TEST_CASE(an_image_the_device_finds_damaged_is_tried_three_times_with_pauses) {
  add_firmware(system_part(1, 3));
  auto& device = start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})});
  device.faults.damages_image = true;
  BOOST_REQUIRE(run_until_state(1, "parked", 1h));
  BOOST_TEST(device.images_received == 3);
  BOOST_TEST(row(1).state_words.find("the image arrived damaged") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_module_file_that_is_gone_or_damaged_on_disk_blocks_with_words) {
  const auto part = system_part(1, 3);
  add_firmware(part);
  const firmware::ModuleFiles files(state::StateFolder{folder.path()}.firmware());
  std::filesystem::resize_file(files.path_of(to_hex(crypto::sha256(part))), 10);
  auto& device = start_device(1, {system_part(1, 1), user_part(1, {4, 1, 3})});
  BOOST_REQUIRE(run_until_state(1, "blocked", 10min));
  BOOST_TEST(row(1).state_words.find("was damaged on disk") != std::string::npos);
  BOOST_TEST(device.images_received == 0);
}

// Asked again without a part, and not once more until it says something else: it used to be asked as fast as it
// answered.
BOOST_FIXTURE_TEST_CASE(a_device_that_never_tells_its_system_is_not_asked_again_and_again, TestSystem) {
  virtual_device::Options options;
  options.release = virtual_device::Release::v0_6();
  auto& device = start_device(1, {system_part(1, 3), user_part(1)}, options);
  const std::string text = R"({"f":[],"v":{}})";
  device.faults.describe_instead.assign(text.begin(), text.end());
  BOOST_REQUIRE(run_until_state(1, "blocked", 1min));
  world.advance(1h);
  BOOST_TEST(device.described_parts <= 4);
  BOOST_TEST(row(1).state_words.find("says nothing about its system") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
