// Hours in which devices may be updated, in time zones and over changes of the clock.
#include "planning/maintenance_window.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <date/date.h>
#include <random>
#include <sstream>

using namespace drydock;
using namespace drydock::planning;

namespace {

std::int64_t utc(const std::string& text) {
  std::istringstream in(text);
  date::sys_time<std::chrono::milliseconds> time;
  in >> date::parse("%F %H:%M", time);
  BOOST_REQUIRE_MESSAGE(!in.fail(), text);
  return time.time_since_epoch().count();
}

struct Example {
  WindowWords words;
  const char* time;
  bool open;
};
std::ostream& operator<<(std::ostream& out, const Example& example) {
  return out << window_words(example.words) << " at " << example.time;
}

const WindowWords nights{"mon-fri 22:00-05:00; sat,sun 00:00-24:00", "Europe/Berlin", ""};
const WindowWords always_but{"", "America/New_York", "2026-12-20/2027-01-06"};

// 2026-11-30 is a Monday; Berlin is one hour ahead of UTC in winter and two in summer.
const Example examples[] = {
    {nights, "2026-11-30 20:59", false},
    {nights, "2026-11-30 21:00", true},
    {nights, "2026-12-01 03:59", true},   // of the night that began on Monday
    {nights, "2026-12-01 04:00", false},  // 05:00 there
    {nights, "2026-11-30 03:00", false},  // Monday morning: no night began on Sunday
    {nights, "2026-12-05 12:00", true},   // Saturday
    {nights, "2026-12-06 23:30", false},  // Monday 00:30 there
    {nights, "2026-07-06 20:00", true},   // summer
    {nights, "2026-07-06 19:59", false},
    {always_but, "2026-12-20 04:59", true},  // still the 19th in New York
    {always_but, "2026-12-20 05:00", false},
    {always_but, "2027-01-07 04:59", false},
    {always_but, "2027-01-07 05:00", true},
    {{"02:30-03:00", "", ""}, "2026-11-30 02:30", true},
    {{"02:30-03:00", "", ""}, "2026-11-30 03:00", false},
    {{"", "", ""}, "1970-01-01 00:00", true},              // nothing was said
    {{"00:00-24:00", "", ""}, "1970-01-01 00:00", false},  // a clock that was never set
    {{"00:00-24:00", "Nowhere/Land", ""}, "2026-11-30 12:00", false},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(maintenance_windows)

BOOST_DATA_TEST_CASE(hours_are_those_of_the_place, boost::unit_test::data::make(examples), example) {
  BOOST_TEST(is_open(example.words, utc(example.time)) == example.open);
}

BOOST_AUTO_TEST_CASE(the_next_opening_is_found) {
  BOOST_TEST(*opens_at(nights, utc("2026-11-30 12:00")) == utc("2026-11-30 21:00"));
  BOOST_TEST(*opens_at(nights, utc("2026-11-30 22:00")) == utc("2026-11-30 22:00"));
  BOOST_TEST(*opens_at(nights, utc("2026-12-04 12:00")) == utc("2026-12-04 21:00"));
  BOOST_TEST(*opens_at(always_but, utc("2026-12-25 12:00")) == utc("2027-01-07 05:00"));
  // On the night when 02:30 does not exist it opens when the clock jumps.
  const WindowWords early{"sun 02:30-04:00", "Europe/Berlin", ""};
  BOOST_TEST(*opens_at(early, utc("2027-03-27 12:00")) == utc("2027-03-28 01:00"));
  BOOST_TEST(!opens_at({"", "", "2026-01-01/2099-01-01"}, utc("2026-12-25 12:00")).has_value());
  // Hours that a blackout cuts in two open again behind it.
  const WindowWords cut{"22:00-05:00", "", "2026-12-24"};
  BOOST_TEST(*opens_at(cut, utc("2026-12-24 12:00")) == utc("2026-12-25 00:00"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_meant_is_refused_with_what_can) {
  for (const auto* hours : {"25:00-26:00", "22:00", "mon 5-6", "mon-tse 01:00-02:00", "01:00-01:00", "x 01:00-02:00",
           "24:00-01:00", "01:60-02:00", "-1:00-02:00"})
    BOOST_TEST(!check_window({hours, "", ""}).has_value(), hours);
  for (const auto* days : {"2026-13-01", "2026-02-30", "2026-12-24/2026-12-20", "christmas", "2026-12-24/"})
    BOOST_TEST(!check_window({"", "", days}).has_value(), days);
  for (const auto* zone : {"Mars/Base", "../../etc/passwd", "UTC+25"})
    BOOST_TEST(!check_window({"01:00-02:00", zone, ""}).has_value(), zone);
  BOOST_TEST(check_window({"MON-Fri 22:00-05:00", "Asia/Kolkata", "2026-12-24; 2026-12-31/2027-01-01"}).has_value());
  BOOST_TEST(check_window({"26", "", ""}).error().message.find("mon-fri 22:00-05:00") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(whatever_is_written_is_read_or_refused) {
  std::mt19937 random(7);
  const std::string letters = "mon-frisatu 0123456789:;,/-T%";
  std::size_t good = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto text = [&](std::size_t most) {
      std::string words;
      for (auto n = random() % most; n > 0; --n) words += letters[random() % letters.size()];
      return words;
    };
    const WindowWords words{i % 3 == 0
            ? "0" + std::to_string(random() % 10) + ":30-0" + std::to_string(random() % 10) + ":00" + text(3)
            : text(30),
        "", text(12)};
    if (!check_window(words)) continue;
    ++good;
    const auto now = utc("2026-11-30 12:00") + static_cast<std::int64_t>(random());
    if (const auto opens = opens_at(words, now)) {
      BOOST_REQUIRE(*opens >= now);
      BOOST_REQUIRE(is_open(words, *opens));
    }
  }
  BOOST_TEST(good > 100u);
}

BOOST_AUTO_TEST_SUITE_END()
