#include "base/metrics.hpp"

#include <array>
#include <boost/test/unit_test.hpp>

namespace metrics = drydock::metrics;

namespace {

constexpr std::array bounds{0.1, 1.0, 2.5};
metrics::Counter doors("test_doors_total", "Doors that were opened.", "room=\"cellar\"");
metrics::Histogram waits("test_wait_seconds", "How long they were.", bounds);

std::string printed(const metrics::Metric& metric) {
  std::string text;
  metric.print(text);
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(metrics_unit)

BOOST_AUTO_TEST_CASE(a_histogram_counts_what_is_at_most_each_bound) {
  for (const double seconds : {0.1, 0.5, 2.0, 2.5, 99.0}) waits.observe(seconds);
  BOOST_TEST(printed(waits) ==
      "test_wait_seconds_bucket{le=\"0.100000\"} 1\n"
      "test_wait_seconds_bucket{le=\"1.00000\"} 2\n"
      "test_wait_seconds_bucket{le=\"2.50000\"} 4\n"
      "test_wait_seconds_bucket{le=\"+Inf\"} 5\n"
      "test_wait_seconds_sum 104.1\n"
      "test_wait_seconds_count 5\n");
}

BOOST_AUTO_TEST_CASE(openmetrics_names_a_counters_family_without_total) {
  doors.add(3);
  BOOST_TEST(printed(doors) == "test_doors_total{room=\"cellar\"} 3\n");
  std::string plain, open;
  metrics::print_head(plain, "test_doors_total", "Doors.", "counter", false);
  metrics::print_head(open, "test_doors_total", "Doors.", "counter", true);
  BOOST_TEST(plain == "# HELP test_doors_total Doors.\n# TYPE test_doors_total counter\n");
  BOOST_TEST(open == "# HELP test_doors Doors.\n# TYPE test_doors counter\n");
}

BOOST_AUTO_TEST_CASE(what_people_call_something_cannot_end_a_label) {
  BOOST_TEST(metrics::label_value("a\"b\\c\nd") == "a\\\"b\\\\c\\nd");
}

BOOST_AUTO_TEST_CASE(whole_numbers_are_printed_as_such) {
  std::string text;
  metrics::print_family(text, "x", "h", "gauge", {{"", 1e9}, {"a=\"b\"", 0.25}}, false);
  BOOST_TEST(text == "# HELP x h\n# TYPE x gauge\nx 1000000000\nx{a=\"b\"} 0.25\n");
}

BOOST_AUTO_TEST_SUITE_END()
