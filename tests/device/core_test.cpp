// A Core: one image for system and application, no modules in its Describe. And platforms that no table knows.
#include "support/test_system.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using virtual_device::Options;
using virtual_device::Release;

namespace {

constexpr std::uint16_t newcomer = 999;

struct CoreSystem : TestSystem {
  static Bytes image(std::uint16_t version, std::size_t size = 9000) { return module_for(0, 3, 0, version, {}, size); }
  static Options core() {
    Options options;
    options.platform = 0;
    options.release = Release::v0_6();
    return options;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cores_and_newcomers, CoreSystem)

BOOST_AUTO_TEST_CASE(a_core_is_left_alone_until_an_image_is_chosen_for_it) {
  add_firmware(image(1406), "core.bin");
  auto& device = start_device(1, {image(0)}, core());
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(row(1).state_words.starts_with("does not say what it runs"));
  world.advance(1h);
  BOOST_TEST(device.images_received == 0);

  ask_for("core.bin");
  BOOST_REQUIRE(run_until(10min, [&] { return row(1).state_words == "runs the image that it was sent"; }));
  BOOST_TEST(device.images_received == 1);
  BOOST_TEST(device.flash().version(3, 0).value_or(0) == 1406);
  // Known from then on, through a restart of the service and of the device.
  kill();
  restart();
  BOOST_REQUIRE(run_until(10min, [&] { return row(1).state_words == "runs the image that it was sent"; }));
  world.advance(1h);
  BOOST_TEST(device.images_received == 1);
}

BOOST_AUTO_TEST_CASE(a_core_that_says_nothing_of_modules_is_served_too) {
  auto& device = start_device(1, {image(0)}, core());
  device.faults.describes = [](int) {
    const auto text = view_of(R"({"f":["brew"],"v":{}})");
    return Bytes(text.begin(), text.end());
  };
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(row(1).state_words.starts_with("does not say what it runs"));
}

BOOST_AUTO_TEST_CASE(a_core_that_does_not_say_that_it_runs_the_image_is_tried_three_times) {
  add_firmware(image(1406), "core.bin");
  auto& device = start_device(1, {image(0)}, core());
  device.faults.forgets_updates = true;
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  ask_for("core.bin");
  BOOST_REQUIRE(run_until_state(1, "parked", 2h));
  BOOST_TEST(device.images_received == 3);
  BOOST_TEST(row(1).state_words.find("monolithic firmware version 1406 (1.4.4)") != std::string::npos);
  BOOST_TEST(row(1).state_words.find("does not say that it runs it") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_platform_that_no_table_knows_is_updated_by_what_its_modules_say) {
  Options options;
  options.platform = newcomer;
  options.release = Release::v3_3();
  auto& device =
      start_device(1, {module_for(newcomer, 4, 1, 7000), module_for(newcomer, 5, 1, 3, {4, 1, 7100})}, options);
  BOOST_REQUIRE(run_until_state(1, "blocked", 10min));
  BOOST_TEST(row(1).state_words ==
      "missing in the library: platform 999 system part 1, version 7100 or later: needed by application version 3");
  add_firmware(module_for(newcomer, 4, 1, 7100), "newcomer-system-part1.bin");
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(device.applied == std::vector<std::string>{"s1@7100"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
