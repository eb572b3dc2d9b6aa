// What devices say of themselves, and what nonsense in it costs.
#include "base/limits.hpp"
#include "coap/message.hpp"
#include "device/describe.hpp"
#include "support/data.hpp"
#include "transfer/image_check.hpp"
#include "virtual_device/flash.hpp"

#include <algorithm>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <random>

using namespace drydock;
using namespace drydock::testing;
using device::parse_describe;
using firmware::Function;

BOOST_AUTO_TEST_SUITE(describe)

BOOST_AUTO_TEST_CASE(json_of_a_photon) {
  const auto sample = load_json("10_dependency_resolution.json")["describes"][0]["describe"].dump();
  const auto describe = parse_describe(view_of(sample));
  BOOST_REQUIRE(describe.has_value());
  BOOST_REQUIRE(describe->system.has_value());
  const auto& modules = describe->system->modules;
  BOOST_REQUIRE(modules.size() == 4u);  // the empty factory slot says no function
  BOOST_TEST((modules[2].key == firmware::ModuleKey{Function::system_part, 2}));
  BOOST_TEST(modules[2].version == 2);
  BOOST_REQUIRE(modules[2].dependencies.size() == 1u);
  BOOST_TEST(modules[2].dependencies[0].version == 2);
  BOOST_TEST(modules[3].sha256 == "2ba4e71e840f596b812003882aae7ca6496f1590ca4a049310af76eaf11c943a");
  BOOST_TEST(!describe->application.has_value());
}

// Recorded from host builds of the releases (by drydock, 2026): they are told user part 5, install it and report it.
// Before 0.6.0 a request for part 1, the system since, was answered with the application alone.
BOOST_DATA_TEST_CASE(the_oldest_releases_say_what_they_have,
    boost::unit_test::data::make({"0.4.9", "0.5.5", "0.6.3", "0.7.0", "1.0.1", "1.5.2"}), version) {
  std::vector<device::Describe> describes;
  for (const auto& event : load_json_lines(std::string("tcp-") + version + "-host.jsonl")) {
    if (event["ev"] != "message" || event["dir"] != "device_to_server") continue;
    const auto message = coap::decode(hex(event["plain"]));
    BOOST_REQUIRE(message.has_value());
    if (message->code != coap::Code::content || message->payload.empty() || message->payload.front() != '{') continue;
    auto described = parse_describe(message->payload);
    BOOST_REQUIRE(described.has_value());
    describes.push_back(std::move(*described));
  }
  BOOST_REQUIRE(describes.size() >= 4u);
  const bool old_parts = std::string_view(version) < "0.6";
  BOOST_TEST(describes.front().system.has_value() == !old_parts);
  const auto has_user_part = [](const device::Describe& describe) {
    return describe.system &&
        std::any_of(describe.system->modules.begin(), describe.system->modules.end(), [](const auto& module) {
          return module.key == firmware::ModuleKey{Function::user_part, 1} && module.version == 5;
        });
  };
  BOOST_TEST(!has_user_part(describes[old_parts ? 1 : 0]));
  BOOST_TEST(std::any_of(describes.begin(), describes.end(), has_user_part));
}

BOOST_AUTO_TEST_CASE(protobuf_vector) {
  const auto v = load_json("16_describe_protobuf.json");
  const auto describe = parse_describe(hex(v["encoded_hex"]));
  BOOST_REQUIRE(describe.has_value());
  const auto& expected = v["decoded"]["firmwareModules"];
  BOOST_REQUIRE(describe->system->modules.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& m = describe->system->modules[i];
    const auto& e = expected[i];
    BOOST_TEST(static_cast<int>(m.key.function) == e["type"].get<int>());
    BOOST_TEST(m.key.index == e.value("index", 0));
    BOOST_TEST(m.version == e["version"].get<int>());
    BOOST_TEST(m.max_size == e["maxSize"].get<unsigned>());
    BOOST_TEST(m.checked == e["checkedFlags"].get<unsigned>());
    BOOST_TEST(m.passed == e["passedFlags"].get<unsigned>());
    BOOST_TEST(m.dependencies.size() == e.value("dependencies", nlohmann::json::array()).size());
  }
  BOOST_TEST(describe->system->imei == v["decoded"]["imei"].get<std::string>());
  BOOST_TEST(describe->system->iccid == v["decoded"]["iccid"].get<std::string>());
}

BOOST_AUTO_TEST_CASE(the_recorded_protobuf_describe_of_a_photon) {
  for (const auto& event : load_json_lines("tcp-photon-6.2.0-fast.jsonl")) {
    if (event["ev"] != "message" || event["dir"] != "device_to_server") continue;
    const auto message = *coap::decode(hex(event["plain"]));
    if (message.code != coap::Code::post || message.path() != "d" || message.payload[0] == '{') continue;
    const auto describe = parse_describe(message.payload);
    BOOST_REQUIRE(describe.has_value());
    int system_parts = 0;
    for (const auto& m : describe->system->modules) system_parts += m.key.function == Function::system_part;
    BOOST_TEST(system_parts >= 1);
    return;
  }
  BOOST_ERROR("no Describe in the recording");
}

BOOST_AUTO_TEST_CASE(validity_flags_are_put_into_words) {
  for (const auto& v : load_list("14_validity_flags.json", "vectors")) {
    std::string expected;
    for (const auto& word : v["failed"]) {
      const std::map<std::string, std::string> ours{
          {"range", "address range"}, {"dependencies_full", "dependencies of others"}};
      const auto found = ours.find(word);
      expected += (expected.empty() ? "" : ", ") + (found == ours.end() ? word.get<std::string>() : found->second);
    }
    BOOST_TEST(firmware::validity::failed_words(v["vc"], v["vv"]) == expected);
  }
}

BOOST_AUTO_TEST_CASE(nonsense_costs_the_field_it_stands_in) {
  const auto describe = parse_describe(view_of(R"({"p":"six","imei":7,"f":["brew",3,null],"v":{"t":9,"x":"y"},"m":[
    17, null, [], {}, {"f":"s"}, {"f":"sys","n":"1"}, {"f":"s","n":"1x","v":3}, {"f":"s","n":"300","v":3},
    {"f":"s","n":"1","v":-3,"d":"none","u":"zz"},
    {"f":"s","n":2,"v":7,"s":99999999999,"vc":"30","vv":true,"l":5,"d":[{"f":"_","n":"6","v":0},{"f":"n","n":"0","v":0},{"f":"s","n":"1","v":7,"_":""},4]}]})"));
  BOOST_REQUIRE(describe.has_value());
  const auto& modules = describe->system->modules;
  BOOST_TEST(!describe->system->platform.has_value());
  BOOST_REQUIRE(modules.size() == 2u);
  BOOST_TEST(modules[0].version == 0);
  BOOST_TEST(modules[0].sha256 == "");
  BOOST_TEST(modules[1].version == 7);
  BOOST_TEST(modules[1].max_size == 0u);
  BOOST_TEST(modules[1].dependencies.size() == 1u);
  BOOST_TEST(describe->application->functions.size() == 1u);
  BOOST_TEST(describe->application->variables.size() == 1u);
}

BOOST_AUTO_TEST_CASE(too_much_of_everything_is_cut_or_refused) {
  std::string many = R"({"p":6,"m":[)";
  for (int i = 0; i < 500; ++i) many += R"({"f":"s","n":"1","v":1},)";
  many += "0]}";
  BOOST_TEST(parse_describe(view_of(many))->system->modules.size() == limits::modules_per_describe);
  BOOST_TEST((parse_describe(Bytes(100'000, '{')).error().kind == ErrorKind::too_large));
  BOOST_TEST(!parse_describe(Bytes(60'000, '[')).has_value());
  const std::string deep = "{\"m\":" + std::string(50'000, '[');
  BOOST_TEST(!parse_describe(view_of(deep)).has_value());
  BOOST_TEST(!parse_describe({}).has_value());
  BOOST_TEST(!parse_describe(view_of("{\"m\":[")).has_value());
}

BOOST_AUTO_TEST_CASE(random_bytes_and_damaged_protobuf_are_answers_not_crashes) {
  std::mt19937 random(1);
  const auto good = hex(load_json("16_describe_protobuf.json")["encoded_hex"]);
  for (int i = 0; i < 50'000; ++i) {
    auto bytes = good;
    for (int n = 0; n < 3; ++n) bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    bytes.resize(random() % (bytes.size() + 1));
    (void)parse_describe(bytes);
  }
}

// The virtual device's two ways of saying the same thing, written without our parser.
BOOST_AUTO_TEST_CASE(both_forms_of_one_device_say_the_same) {
  virtual_device::Flash flash(6);
  flash.put(virtual_device::FlashModule{4, 1, 3, 6, 262144, {}, "", true});
  flash.put(virtual_device::FlashModule{4, 2, 3, 6, 262144, {{4, 1, 4}, {2, 0, 7}}, "", true});
  flash.put(virtual_device::FlashModule{5, 1, 9, 6, 131072, {{4, 2, 3}}, std::string(64, 'A'), false});
  const auto json = parse_describe(view_of(flash.describe_json(false)));
  const auto protobuf = parse_describe(flash.describe_protobuf());
  BOOST_TEST((json->system->modules == protobuf->system->modules));
  BOOST_TEST(json->system->modules.size() == 3u);
  BOOST_TEST(!json->system->modules[1].valid());
  BOOST_TEST(json->system->modules[2].damaged());
}

BOOST_AUTO_TEST_CASE(image_checks_of_every_release) {
  using transfer::parse_image_check;
  const auto verdict = [](const char* text) { return parse_image_check(view_of(text)); };
  BOOST_TEST(verdict("").accepted);
  BOOST_TEST(verdict("{\"r\":0}").accepted);
  BOOST_TEST(!verdict("{\"r\":-1340}").accepted);
  BOOST_TEST(verdict("{\"r\":-1340}").words == "the image needs other modules that the device does not have (-1340)");
  BOOST_TEST(verdict("{\"r\":-4}").words == "the device reports an error (-4)");
  BOOST_TEST(!verdict("{\"r\":\"error\"}").accepted);
  BOOST_TEST(verdict("{\"r\":\"ok\",\"u\":{\"vc\":94,\"vv\":94}}").accepted);
  BOOST_TEST(verdict("{\"r\":\"ok\",\"u\":{\"vc\":94,\"vv\":26}}").words ==
      "the device checked the image and these checks failed: dependencies, dependencies of others");
  BOOST_TEST(verdict("{\"r\":\"ok\",\"u\":{\"s\":1310").accepted);  // cut at 254 bytes: the next Describe decides
  BOOST_TEST(verdict("[1]").accepted);
  BOOST_TEST(transfer::protocol_error_words(9) == "the device reached its bandwidth limit (9)");
}

BOOST_AUTO_TEST_SUITE_END()
