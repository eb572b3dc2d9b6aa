#include "web/fair_places.hpp"
#include "web/visitors.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock::web;

namespace {

constexpr ConnectionLimits limits{.per_known = 4, .per_unknown_address = 3, .unknown_addresses = 6};
using Indices = std::vector<std::size_t>;

}  // namespace

BOOST_AUTO_TEST_SUITE(fair_places)

BOOST_AUTO_TEST_CASE(of_an_address_the_one_silent_for_longest_goes) {
  BOOST_TEST(places_to_give_up({{"a", false, true}, {"a"}, {"a"}, {"a"}}, limits) == Indices{1},
      boost::test_tools::per_element());
  BOOST_TEST(places_to_give_up({{"a", true}, {"a", true}, {"a", true}, {"a", true}}, limits).empty());
}

BOOST_AUTO_TEST_CASE(what_is_being_answered_stays_and_the_newest_goes) {
  BOOST_TEST(places_to_give_up({{"a", false, true}, {"a", false, true}, {"a", false, true}, {"a", false, true}},
                 limits) == Indices{3},
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(who_holds_most_gives_way_to_who_comes_first) {
  const std::vector<Place> places{{"a"}, {"b"}, {"b"}, {"b"}, {"a"}, {"k", true}, {"k", true}, {"c"}, {"c"}};
  BOOST_TEST(places_to_give_up(places, limits) == Indices{1}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(among_equals_the_longest_silence_goes_and_busy_ones_stay) {
  const std::vector<Place> places{
      {"a", false, true}, {"b", false, true}, {"c"}, {"d"}, {"e"}, {"f", false, true}, {"g"}};
  BOOST_TEST(places_to_give_up(places, limits) == Indices{2}, boost::test_tools::per_element());
  std::vector<Place> busy;
  for (const char* address : {"a", "b", "c", "d", "e", "f"}) busy.push_back({address, false, true});
  busy.push_back({"g"});
  BOOST_TEST(places_to_give_up(busy, limits) == Indices{6}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_household_counts_as_one) {
  BOOST_TEST(network_of("192.168.1.7") == "192.168.1.7");
  BOOST_TEST(network_of("::ffff:10.9.9.9") == "10.9.9.9");
  BOOST_TEST(network_of("2001:db8:2:6::17") == network_of("2001:db8:2:6:1:2:3:4"));
  BOOST_TEST(network_of("2001:db8:2:6::17") != network_of("2001:db8:2:7::17"));
  const std::vector<Place> places{{"2001:db8::1"}, {"2001:db8::2"}, {"2001:db8::3"}, {"2001:db8::4"}};
  BOOST_TEST(places_to_give_up(places, limits) == Indices{0}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_visitor_is_known_by_all_of_his_address) {
  Visitors visitors;
  visitors.came(4711, {"192.168.1.7", true});
  BOOST_TEST(visitors.behind({"127.0.0.1", 4711}).address == "192.168.1.7");
  BOOST_TEST(visitors.behind({"127.0.0.2", 4711}).address == "");
  visitors.left(4711);
  BOOST_TEST(visitors.behind({"127.0.0.1", 4711}).address == "");
}

BOOST_AUTO_TEST_SUITE_END()
