// Applications with assets (Device OS 5.5 and later): a device without them does not start its application.
#include "device/udp_system.hpp"
#include "firmware/module_file.hpp"
#include "virtual_device/assets.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using virtual_device::UdpOptions;
using virtual_device::UdpProfile;

namespace {

struct AssetSystem : UdpSystem {
  const Bytes picture = Bytes(20'000, 7);
  const Bytes sound = Bytes(5'000, 9);
  const std::vector<virtual_device::AssetName> needed{
      virtual_device::name_of_asset("picture.png", picture), virtual_device::name_of_asset("sound.wav", sound)};
  const Bytes application = virtual_device::with_required_assets(module_for(boron, 5, 2, 7, {4, 1, 6200}), needed);

  static UdpOptions version_6_2() {
    UdpOptions options;
    options.profile = UdpProfile::v6_2();
    return options;
  }
  void add_assets() {
    add_firmware(virtual_device::make_asset("picture.png", picture), "picture.bin");
    add_firmware(virtual_device::make_asset("sound.wav", sound), "sound.bin");
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(assets, AssetSystem)

BOOST_AUTO_TEST_CASE(an_asset_module_says_what_it_brings_and_an_application_what_it_needs) {
  const auto asset = firmware::parse_module(virtual_device::make_asset("picture.png", picture));
  BOOST_REQUIRE(asset.has_value());
  BOOST_REQUIRE(firmware::asset_in(*asset).has_value());
  BOOST_TEST(firmware::asset_in(*asset)->name == "picture.png");
  BOOST_TEST(firmware::asset_in(*asset)->sha256 == to_hex(needed[0].hash));
  const auto needing = firmware::parse_module(application);
  BOOST_REQUIRE(needing.has_value());
  const auto needs = firmware::assets_needed_by(*needing);
  BOOST_REQUIRE(needs.size() == 2u);
  BOOST_TEST(needs[1].name == "sound.wav");
  BOOST_TEST(needs[1].sha256 == to_hex(needed[1].hash));
}

BOOST_AUTO_TEST_CASE(an_application_without_its_assets_gets_them_in_order) {
  add_assets();
  auto& device = start_udp_device(1, {module_for(boron, 4, 1, 6200), application}, version_6_2());
  BOOST_REQUIRE(device.flash().safe_mode());
  BOOST_REQUIRE(run_until_state(1, "current", 30min));
  BOOST_TEST(device.applied == (std::vector<std::string>{"asset picture.png", "asset sound.wav"}),
      boost::test_tools::per_element());
  BOOST_TEST(!device.flash().safe_mode());
  for (const auto& step : steps(1)) BOOST_TEST(step.state == "verified");
}

BOOST_AUTO_TEST_CASE(a_device_without_an_asset_is_not_up_to_date_and_the_file_is_named) {
  add_firmware(virtual_device::make_asset("sound.wav", sound), "sound.bin");
  // The same name and other content will not do.
  add_firmware(virtual_device::make_asset("picture.png", sound), "wrong.bin");
  auto& device = start_udp_device(1, {module_for(boron, 4, 1, 6200), application}, version_6_2());
  BOOST_REQUIRE(run_until_state(1, "blocked", 10min));
  BOOST_TEST(row(1).state_words ==
      "missing in the library: Boron asset 'picture.png' (SHA-256 " + to_hex(needed[0].hash).substr(0, 12) +
          "…): the application needs it");
  BOOST_TEST(device.applied.empty());
  add_assets();
  BOOST_REQUIRE(run_until_state(1, "current", 30min));
}

BOOST_AUTO_TEST_CASE(an_application_is_sent_first_and_only_where_its_assets_are_at_hand) {
  add_firmware(application, "application.bin");
  auto& device =
      start_udp_device(1, {module_for(boron, 4, 1, 6200), module_for(boron, 5, 2, 6, {4, 1, 6200})}, version_6_2());
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  ask_for("application.bin");
  BOOST_REQUIRE(run_until_state(1, "blocked", 10min));
  BOOST_TEST(row(1).state_words.find("asset 'picture.png'") != std::string::npos);
  BOOST_TEST(device.applied.empty());
  add_assets();
  BOOST_REQUIRE(run_until_state(1, "current", 30min));
  BOOST_TEST(device.applied == (std::vector<std::string>{"u2@7", "asset picture.png", "asset sound.wav"}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_asset_that_does_not_say_what_it_is_is_not_taken) {
  auto plain = module_for(boron, 9, 0, 0);
  const auto file = firmware::read_module_file(plain);
  BOOST_REQUIRE(file.has_value());
  BOOST_TEST(firmware::check(*file).error().message.starts_with("it is an asset and does not say its name"));
}

BOOST_AUTO_TEST_SUITE_END()
