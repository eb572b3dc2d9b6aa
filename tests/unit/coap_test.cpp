#include "coap/block_assembler.hpp"
#include "coap/message.hpp"
#include "device/hello.hpp"
#include "device/messages.hpp"
#include "support/data.hpp"
#include "transfer/chunked_messages.hpp"

#include <boost/test/unit_test.hpp>
#include <random>

using namespace drydock;
using namespace drydock::testing;
using coap::Message;

BOOST_AUTO_TEST_SUITE(coap_messages)

BOOST_AUTO_TEST_CASE(every_vector_decodes_and_encodes_to_the_same_bytes) {
  int count = 0;
  for (const auto* file : {"03_hello.json", "04_coap_messages.json", "05_legacy_ota.json"})
    for (const auto& vector : load_list(file, "messages")) {
      const auto bytes = hex(vector["coap"]);
      const auto message = coap::decode(bytes);
      BOOST_REQUIRE_MESSAGE(message.has_value(), vector["name"]);
      BOOST_TEST(to_hex(coap::encode(*message)) == to_hex(bytes), vector["name"]);
      ++count;
    }
  BOOST_TEST(count > 50);
}

BOOST_AUTO_TEST_CASE(every_length_and_delta_form_survives) {
  for (const std::size_t length : {0, 1, 12, 13, 14, 268, 269, 270, 1000})
    for (const std::uint16_t number : {1, 12, 13, 14, 268, 269, 270, 2049, 65535}) {
      Message message;
      message.code = coap::Code::get;
      message.add(number, Bytes(length, 0x5a));
      const auto again = coap::decode(coap::encode(message));
      BOOST_REQUIRE(again.has_value());
      BOOST_TEST((*again == message));
    }
}

BOOST_AUTO_TEST_CASE(tokens_of_every_length_survive_and_nine_bytes_are_refused) {
  for (std::size_t size = 0; size <= 8; ++size) {
    Message message;
    message.code = coap::Code::content;
    message.token = coap::Token(Bytes(size, 7));
    const auto again = coap::decode(coap::encode(message));
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST(again->token.bytes().size() == size);
  }
  BOOST_TEST(!coap::decode(hex("4901000101020304050607080900")).has_value());
}

BOOST_AUTO_TEST_CASE(nonsense_is_an_error_and_never_a_crash) {
  for (const auto* bad :
      {"", "40", "400100", "00010001", "80010001", "41010001", "4001000141", "400100010d", "40010001e1", "40010001f0",
          "400100010f", "4000000100", "410000017f", "40010001deffffff00", "40010001d0ffe0ffff"})
    BOOST_TEST(!coap::decode(hex(std::string(bad))).has_value(), bad);
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) {
    Bytes bytes(random() % 40);
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
    if (!bytes.empty()) bytes[0] = static_cast<std::uint8_t>(0x40 | (bytes[0] & 0x3f));
    const auto message = coap::decode(bytes);
    // Whatever is accepted says the same again after a round trip.
    if (message) BOOST_REQUIRE((*coap::decode(coap::encode(*message)) == *message));
  }
}

BOOST_AUTO_TEST_CASE(more_options_than_any_device_sends_are_refused) {
  Message message;
  message.code = coap::Code::get;
  for (int i = 0; i < 33; ++i) message.add(coap::option::uri_path, Bytes{'a'});
  const auto decoded = coap::decode(coap::encode(message));
  BOOST_REQUIRE(!decoded);
  BOOST_TEST((decoded.error().kind == ErrorKind::too_large));
}

BOOST_AUTO_TEST_CASE(blocks_are_put_together_in_order) {
  coap::BlockAssembler body(1000);
  BOOST_TEST(!body.add({0, true, 5}, Bytes(512, 1))->has_value());
  BOOST_TEST(!body.add({0, true, 5}, Bytes(512, 2))->has_value());  // from the start again
  const auto whole = body.add({1, false, 5}, Bytes(100, 3));
  BOOST_REQUIRE(whole->has_value());
  BOOST_TEST((**whole)[0] == 2);
  BOOST_TEST((**whole).size() == 612u);
  BOOST_TEST(!body.add({1, false, 5}, Bytes(1, 1)).has_value());
  BOOST_TEST(!body.add({0, true, 5}, Bytes(512, 1))->has_value());
  BOOST_TEST((body.add({1, true, 5}, Bytes(512, 1)).error().kind == ErrorKind::too_large));
}

BOOST_AUTO_TEST_CASE(hello_of_every_release) {
  for (const auto& vector : load_list("03_hello.json", "messages")) {
    const auto message = *coap::decode(hex(vector["coap"]));
    const auto& fields = vector["fields"];
    if (!fields.contains("product_id")) continue;
    BOOST_TEST(device::is_hello(message));
    const auto hello = device::parse_hello(message.payload);
    BOOST_REQUIRE_MESSAGE(hello.has_value(), vector["name"]);
    BOOST_TEST(hello->product_id == fields["product_id"].get<int>());
    BOOST_TEST(hello->product_version == fields["product_version"].get<int>());
    BOOST_TEST(hello->flags == fields["flags"].get<int>());
    BOOST_TEST(hello->platform == fields["platform_id"].get<int>());
    BOOST_TEST(hello->system_version == fields.value("system_version", 0));
    BOOST_TEST(hello->max_message == fields.value("max_message_size", 0));
    BOOST_TEST(hello->max_binary == fields.value("max_binary_size", 0u));
    BOOST_TEST(hello->chunk_size == fields.value("ota_chunk_size", 0));
    BOOST_TEST((hello->device_id ? hello->device_id->text() : "") == fields.value("device_id", ""));
  }
  BOOST_TEST(device::parse_hello({}).has_value());
  for (std::size_t cut : {1, 7, 9, 11, 19}) BOOST_TEST(!device::parse_hello(Bytes(cut, 12)).has_value(), cut);
}

// What we send must be byte for byte what devices of every release parse at fixed offsets.
BOOST_AUTO_TEST_CASE(our_messages_are_those_of_the_vectors) {
  std::map<std::string, std::string> known;
  for (const auto* file : {"03_hello.json", "04_coap_messages.json", "05_legacy_ota.json"})
    for (const auto& vector : load_list(file, "messages")) known[vector["name"]] = vector["coap"];
  const auto sent = [](Message message, std::uint16_t id, int token) {
    message.id = id;
    if (token >= 0) message.token = coap::Token(static_cast<std::uint8_t>(token));
    return to_hex(coap::encode(message));
  };
  const auto file = hex(load_json("05_legacy_ota.json")["file_hex"]);
  const ByteView all(file);
  using namespace transfer;
  BOOST_TEST(sent(device::server_hello(), 0x8001, -1) == known["server hello (TCP)"]);
  BOOST_TEST(
      sent(device::describe_request(1, std::nullopt), 0x8002, 0x0a) == known["describe request flags=1 (system)"]);
  BOOST_TEST(sent(device::describe_request(std::nullopt, std::nullopt), 0x8002, 0x0a) ==
      known["describe request, no query (<=3.2 only)"]);
  BOOST_TEST(sent(device::describe_request(1, coap::Block{1, false, 6}), 0x8003, 0x0a) ==
      known["describe request flags=1 with Block2 NUM=1 SZX=6"]);
  BOOST_TEST(sent(update_begin(true, 512, 1300), 0x8100, 0x21) == known["UpdateBegin fast ota"]);
  BOOST_TEST(sent(chunk(all.first(512), 0), 0x8101, 0x30) == known["Chunk 0 fast (CRC query + index query)"]);
  BOOST_TEST(sent(chunk(all.subspan(512, 512), 1), 0x8102, 0x30) == known["Chunk 1 fast (CRC query + index query)"]);
  BOOST_TEST(sent(chunk(all.subspan(1024), 2), 0x8103, 0x30) ==
      known["Chunk 2 fast (CRC query + index query), short last chunk"]);
  BOOST_TEST(sent(chunk(all.first(512)), 0x8110, 0x31) == known["Chunk slow (CRC query only)"]);
  BOOST_TEST(sent(update_done(), 0x8120, 0x22) == known["UpdateDone (server)"]);
  BOOST_TEST(sent(device::function_request("led", "on"), 0x8011, 0x0a) == known["function call"]);
  BOOST_TEST(sent(device::variable_request("temp"), 0x8012, 0x0a) == known["variable request"]);
  BOOST_TEST(sent(device::signal_request(true), 0x8013, 0x0a) == known["signal start"]);
  BOOST_TEST(sent(device::signal_request(false), 0x8014, 0x0a) == known["signal stop"]);
  const auto request = *coap::decode(hex(known["time request (device)"]));
  BOOST_TEST(to_hex(coap::encode(device::time_response(request, 1'700'000'000))) ==
      known["time response (server) 1700000000"]);
  BOOST_TEST(to_hex(coap::encode(coap::empty_acknowledgement(0x41))) == known["ping ack"]);
}

BOOST_AUTO_TEST_CASE(missed_chunks_beyond_the_file_are_ignored) {
  Message message;
  message.payload = hex(std::string("000100020fff0003aa"));
  BOOST_TEST(
      transfer::missed_chunks(message, 4) == (std::vector<std::uint16_t>{1, 2, 3}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(events_and_subscriptions_are_read_however_their_name_is_split) {
  const auto one = *coap::decode(hex(std::string("50020042b1450d08737061726b2f6465766963652f736166656d6f6465")));
  BOOST_TEST(device::parse_event(one).name == "spark/device/safemode");
  const auto split = *coap::decode(
      hex(std::string("50028010b165087061727469636c650664657669636507757064617465730770656e64696e67ff74727565")));
  BOOST_TEST(device::parse_event(split).name == "particle/device/updates/pending");
  BOOST_TEST(device::parse_event(split).data == "true");
  const auto subscription = device::parse_subscription(*coap::decode(hex(std::string("40010044b16505737061726b4175"))));
  BOOST_TEST(subscription.prefix == "spark");
  BOOST_TEST(subscription.from.empty());
}

BOOST_AUTO_TEST_CASE(a_goodbye_is_put_into_words_and_nonsense_is_not_read_past) {
  BOOST_TEST(device::goodbye_words(hex(std::string("0506ac02"))) == "the device goes to sleep for 300 s");
  BOOST_TEST(device::goodbye_words({}) == "the device gave no reason");
  BOOST_TEST(device::goodbye_words(Bytes(40, 0xff)) == "the device gave no reason");
}

BOOST_AUTO_TEST_SUITE_END()
