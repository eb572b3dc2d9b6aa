// The table of Device OS releases, as planning and words use it.
#include "firmware/releases.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock::firmware;

namespace {
constexpr std::uint16_t photon = 6;
constexpr std::uint16_t electron = 10;
constexpr std::uint16_t boron = 13;
constexpr std::uint16_t core = 0;
constexpr ModuleKey bootloader{Function::bootloader, 0};
constexpr ModuleKey system_part_1{Function::system_part, 1};
constexpr ModuleKey system_part_2{Function::system_part, 2};
}  // namespace

BOOST_AUTO_TEST_SUITE(releases)

BOOST_AUTO_TEST_CASE(a_release_is_found_by_its_number_with_its_modules) {
  const auto release = find_release(photon, {0, 7, 0});
  BOOST_REQUIRE(release.has_value());
  BOOST_TEST(release->system_version == 207);
  BOOST_TEST(release->published);
  const auto part_2 = std::find_if(
      release->modules.begin(), release->modules.end(), [](const auto& m) { return m.key == system_part_2; });
  BOOST_REQUIRE((part_2 != release->modules.end()));
  BOOST_TEST((part_2->dependencies[0] == Dependency{system_part_1, 207}));
  BOOST_TEST((part_2->dependencies[1] == Dependency{bootloader, 101}));
  for (const auto& module : release->modules) BOOST_TEST((module.key.function != Function::user_part));
  BOOST_TEST(!find_release(photon, {4, 0, 0}).has_value());
  BOOST_TEST(!find_release(777, {0, 7, 0}).has_value());
}

BOOST_AUTO_TEST_CASE(releases_of_a_platform_come_oldest_first) {
  const auto all = releases_of(photon);
  BOOST_REQUIRE(all.size() > 40u);
  BOOST_TEST(all.front().number.text() == "0.4.0");
  BOOST_TEST(all.back().number.text() == "3.3.1");
  BOOST_TEST(releases_of(777).empty());
}

BOOST_AUTO_TEST_CASE(a_system_version_is_told_as_its_release) {
  BOOST_TEST(release_words(photon, system_part_1, 3302) == "3.3.1");
  BOOST_TEST(release_words(photon, system_part_2, 109) == "0.6.3");
  BOOST_TEST(release_words(core, {Function::monolithic, 0}, 1406) == "1.4.4");
  // Between releases, of another kind, of an unknown platform, shared by two releases.
  BOOST_TEST(release_words(photon, system_part_1, 205) == "");
  BOOST_TEST(release_words(photon, bootloader, 3302) == "");
  BOOST_TEST(release_words(777, system_part_1, 3302) == "");
  BOOST_TEST(release_words(electron, system_part_1, 1) == "");
}

BOOST_AUTO_TEST_CASE(a_slot_that_came_later_needs_the_system_that_brought_it) {
  BOOST_TEST((slot_requirement(boron, {Function::radio_stack, 0}) == Dependency{system_part_1, 1321}));
  BOOST_TEST((slot_requirement(electron, {Function::system_part, 3}) == Dependency{system_part_2, 21}));
  BOOST_TEST((slot_requirement(boron, {Function::user_part, 2}) == Dependency{system_part_1, 3103}));
  BOOST_TEST(!slot_requirement(boron, bootloader).has_value());
  BOOST_TEST(!slot_requirement(photon, system_part_2).has_value());
}

BOOST_AUTO_TEST_CASE(release_numbers_are_read_strictly) {
  BOOST_TEST((parse_release_number("0.6.3") == ReleaseNumber{0, 6, 3}));
  for (const auto* text : {"", "3", "3.3", "3.3.", "3.3.1-rc.1", "v3.3.1", "3.3.1.0", "3.300.1", " 3.3.1", "3,3,1"})
    BOOST_TEST(!parse_release_number(text).has_value(), text);
}

BOOST_AUTO_TEST_SUITE_END()
