// Whole updates: appliance and virtual device in one process, on a virtual clock.
#include "support/harbour.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;

namespace {

using Applied = std::vector<std::string>;

struct PhotonHarbour : Harbour {
  // The stuck Photon of the README: parts of version 1, an application that needs version 3.
  const std::vector<Bytes> stuck{bootloader(3), system_part(1, 1), system_part(2, 1, {4, 1, 1}), user_part(6, {4, 2, 3})};
  void stock_version_3() {
    stock(system_part(1, 3, {}, 24'873), "part1.bin");
    stock(system_part(2, 3, {4, 1, 3}, 15'050), "part2.bin");
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(whole_update, PhotonHarbour)

BOOST_AUTO_TEST_CASE(a_photon_in_safe_mode_is_brought_up_to_date_part_by_part) {
  stock_version_3();
  auto& device = launch(1, stuck);
  BOOST_REQUIRE(device.flash().safe_mode());
  BOOST_REQUIRE(run_until_state(1, "current", 10min));
  BOOST_TEST(device.applied == (Applied{"s1@3", "s2@3"}), boost::test_tools::per_element());
  BOOST_TEST(!device.flash().safe_mode());
  BOOST_TEST(device.resets == 2);
  world.advance(5s);
  const auto done = steps(1);
  BOOST_REQUIRE(done.size() == 2u);
  BOOST_TEST(done[0].state == "verified");
  BOOST_TEST(done[1].state == "verified");
  BOOST_TEST(done[1].bytes_acknowledged == done[1].bytes_total);
  BOOST_TEST(row(1).state == "current");
  BOOST_TEST(row(1).connected);
}

BOOST_AUTO_TEST_SUITE_END()
