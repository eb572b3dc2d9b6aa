// Lists that are cut in the database, and the changes that tell a service what to look at again.
#include "support/any_engine.hpp"
#include "store/changes.hpp"
#include "store/device_list.hpp"
#include "store/modules.hpp"
#include "firmware/releases.hpp"
#include "store/updates.hpp"

#include <algorithm>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fmt/core.h>
#include <random>

using namespace drydock;
using namespace drydock::testing;
using store::Database;
using store::DeviceOrder;

namespace {

std::string id_of(int number) {
  return fmt::format("{:024x}", number);
}

void add(Database& db, int number, const std::function<void(store::DeviceRow&)>& with = {}) {
  store::DeviceRow row;
  row.id = id_of(number);
  row.public_key = {1};
  row.approval = "approved";
  row.platform = 6;
  row.state = "current";
  if (with) with(row);
  store::add_device(db, row);
  if (!row.name.empty()) store::set_name(db, row.id, row.name);
}

// Every page of a list, one behind the other.
std::vector<store::DeviceRow> all_pages(Database& db, store::DeviceQuery query) {
  std::vector<store::DeviceRow> rows;
  do {
    const auto page = store::list_devices(db, query);
    BOOST_REQUIRE(page.has_value());
    BOOST_REQUIRE(page->devices.size() <= static_cast<std::size_t>(query.limit));
    for (const auto& device : page->devices) rows.push_back(device.row);
    query.after = page->next;
  } while (!query.after.empty());
  return rows;
}

std::vector<std::string> subjects_since(Database& db, std::int64_t revision) {
  std::vector<std::string> subjects;
  for (const auto& change : store::changes_since(db, revision)) subjects.push_back(change.subject);
  return subjects;
}

using Texts = std::vector<std::string>;

const auto orders = boost::unit_test::data::make({0, 1, 2, 3, 4, 5});

}  // namespace

BOOST_AUTO_TEST_SUITE(device_list)

// Many devices are alike in what they are sorted by, and the page's end falls among them.
BOOST_DATA_TEST_CASE(pages_together_have_every_device_once_and_in_order,
    orders* boost::unit_test::data::make({false, true}), number, descending) {
  const auto order = static_cast<DeviceOrder>(number);
  auto db = fresh_database();
  std::mt19937 random(7);
  const char* states[] = {"current", "blocked", "waiting"};
  const char* names[] = {"", "boiler", "Boiler", "böiler", "100%_x", "a'b", "\xff\xfe", "\xc3"};
  for (int i = 0; i < 200; ++i)
    add(db, i, [&](store::DeviceRow& row) {
      row.name = names[random() % std::size(names)];
      row.state = states[random() % 3];
      row.platform = static_cast<std::uint16_t>(random() % 3);
      row.last_seen = static_cast<std::int64_t>(random() % 5);
      row.first_seen = static_cast<std::int64_t>(random() % 5);
    });
  store::DeviceQuery whole;
  whole.order = order;
  whole.descending = descending;
  whole.limit = 1000;
  auto paged = whole;
  paged.limit = 7;
  const auto expected = all_pages(db, whole);
  const auto found = all_pages(db, paged);
  BOOST_REQUIRE(expected.size() == 200u);
  BOOST_REQUIRE(found.size() == 200u);
  for (std::size_t i = 0; i < found.size(); ++i) BOOST_TEST(found[i].id == expected[i].id);
  const auto key = [&](const store::DeviceRow& row) -> std::int64_t {
    if (order == DeviceOrder::platform) return row.platform;
    if (order == DeviceOrder::last_seen) return row.last_seen;
    return order == DeviceOrder::first_seen ? row.first_seen : 0;
  };
  for (std::size_t i = 1; i < found.size(); ++i)
    BOOST_TEST((descending ? key(found[i - 1]) >= key(found[i]) : key(found[i - 1]) <= key(found[i])));
}

// The device that the page before ended with may be gone, or called otherwise.
BOOST_AUTO_TEST_CASE(the_next_page_begins_where_the_last_ended_whatever_happened_since) {
  auto db = fresh_database();
  for (int i = 0; i < 6; ++i)
    add(db, i, [&](store::DeviceRow& row) { row.name = std::string(1, static_cast<char>('a' + i)); });
  store::DeviceQuery query;
  query.limit = 3;
  const auto first = store::list_devices(db, query);
  BOOST_REQUIRE(first->devices.size() == 3u);
  store::forget_device(db, id_of(2));
  query.after = first->next;
  const auto second = store::list_devices(db, query);
  BOOST_REQUIRE(second->devices.size() == 3u);
  BOOST_TEST(second->devices[0].row.name == "d");
  BOOST_TEST(second->next == "");
}

BOOST_DATA_TEST_CASE(a_position_that_is_none_is_refused, orders, number) {
  const auto order = static_cast<DeviceOrder>(number);
  auto db = fresh_database();
  add(db, 1);
  for (const auto* after : {"x", "0", "zzzzzzzzzzzzzzzzzzzzzzzz", "' OR 1=1 --", "000000000000000000000001zz"}) {
    store::DeviceQuery query;
    query.order = order;
    query.after = after;
    const auto page = store::list_devices(db, query);
    BOOST_TEST(!page.has_value(), after);
  }
}

BOOST_AUTO_TEST_CASE(filters_find_what_people_mean) {
  auto db = fresh_database();
  add(db, 1, [](auto& row) { row.name = "Boiler 100%"; });
  add(db, 2, [](auto& row) {
    row.address = "10.0.7.2";
    row.platform = 13;
  });
  add(db, 3, [](auto& row) {
    row.approval = "pending";
    row.state = "unknown";
  });
  add(db, 4, [](auto& row) { row.connected = true; });
  store::set_held(db, id_of(4), true);
  store::note_changed_key(db, id_of(2), {9}, 1);
  const auto found = [&](store::DeviceQuery query) {
    Texts ids;
    for (const auto& row : all_pages(db, query)) ids.push_back(row.id.substr(23));
    std::sort(ids.begin(), ids.end());
    return ids;
  };
  store::DeviceQuery query;
  query.search = "boiler";
  BOOST_TEST(found(query) == Texts{"1"});
  query.search = "%";  // itself, not everything
  BOOST_TEST(found(query) == Texts{"1"});
  query.search = "0.7.";
  BOOST_TEST(found(query) == Texts{"2"});
  query.search = "boron";
  query.platforms_of_search = {13};
  BOOST_TEST(found(query) == Texts{"2"});
  query = {};
  query.state = "held";
  BOOST_TEST(found(query) == Texts{"4"});
  query.state = "awaiting_approval";
  BOOST_TEST(found(query) == Texts{"3"});
  query.state = "unknown_key";
  BOOST_TEST(found(query) == Texts{"2"});
  query = {};
  query.connected = true;
  BOOST_TEST(found(query) == Texts{"4"});
  const std::map<std::string, std::int64_t> counts{
      {"awaiting_approval", 1}, {"current", 1}, {"held", 1}, {"unknown_key", 1}};
  BOOST_TEST((store::count_devices(db, 0) == counts));
  // The database and the program say the same, whoever counts as away.
  for (const std::int64_t away_before : {0, 1'000'000'000})
    for (const auto& row : store::load_devices(db)) {
      store::DeviceQuery same;
      same.away_before = away_before;
      same.state = store::shown_state(row, away_before);
      BOOST_TEST(store::count_devices(db, away_before).contains(same.state));
      const auto ids = found(same);
      BOOST_TEST((std::find(ids.begin(), ids.end(), row.id.substr(23)) != ids.end()));
    }
}

BOOST_AUTO_TEST_CASE(who_was_not_seen_for_days_is_away_and_comes_before_those_that_are_well) {
  auto db = fresh_database();
  constexpr std::int64_t day = 24 * 3600 * 1000;
  const std::int64_t now = 100 * day;
  const auto seen = [&](int number, std::int64_t days_ago, bool connected) {
    add(db, number, [&](store::DeviceRow& row) {
      row.approval = "approved";
      row.state = "current";
      row.last_seen = now - days_ago * day;
      row.connected = connected;
    });
  };
  seen(1, 1, false);
  seen(2, 40, false);
  seen(3, 40, true);  // silent, and there
  seen(4, 40, false);
  store::set_held(db, id_of(4), true);
  add(db, 5, [](store::DeviceRow& row) { row.state = "refused"; });  // never came: nobody waits for it
  store::DeviceQuery query;
  query.away_before = store::away_before(7, now);
  query.order = DeviceOrder::urgency;
  const auto page = store::list_devices(db, query);
  BOOST_REQUIRE(page->devices.size() == 5u);
  BOOST_TEST(page->devices[0].row.id == id_of(2));
  BOOST_TEST(page->devices[0].shown_state == "away");
  BOOST_TEST(page->devices[4].shown_state == "current");
  query.state = "current";
  BOOST_TEST(store::list_devices(db, query)->devices.size() == 2u);
  query.state = "away";
  BOOST_TEST(store::list_devices(db, query)->devices.size() == 1u);
  const std::map<std::string, std::int64_t> counts{{"away", 1}, {"current", 2}, {"held", 1}, {"refused", 1}};
  BOOST_TEST((store::count_devices(db, query.away_before) == counts));
  query.away_before = store::away_before(0, now);  // nobody ever is
  BOOST_TEST(store::list_devices(db, query)->devices.empty());
}

BOOST_AUTO_TEST_CASE(versions_and_safe_mode_are_found) {
  auto db = fresh_database();
  add(db, 1, [](store::DeviceRow& row) { row.system_version = 3302; });
  add(db, 2, [](store::DeviceRow& row) { row.safe_mode = true; });
  store::DeviceQuery query;
  query.search = "3.3.1";
  query.versions_of_search = firmware::versions_like(query.search);
  auto page = store::list_devices(db, query);
  BOOST_REQUIRE(page->devices.size() == 1u);
  BOOST_TEST(page->devices[0].row.id == id_of(1));
  query = {};
  query.search = "Safe";
  page = store::list_devices(db, query);
  BOOST_REQUIRE(page->devices.size() == 1u);
  BOOST_TEST(page->devices[0].row.id == id_of(2));
  BOOST_TEST(firmware::versions_like("pump 3").empty());
  BOOST_TEST(firmware::versions_like("4711") == std::vector<std::uint16_t>{4711});
}

BOOST_AUTO_TEST_CASE(a_device_is_found_by_id_by_its_beginning_and_by_name) {
  auto db = fresh_database();
  add(db, 1, [](auto& row) { row.name = "pump"; });
  add(db, 0xabc, [](auto& row) { row.name = id_of(1); });
  const auto found = [&](const std::string& name) { return store::find_devices(db, name, 10).size(); };
  BOOST_TEST(found("pump") == 1u);
  BOOST_TEST(found("Pump") == 0u);
  BOOST_TEST(found("0000") == 2u);
  BOOST_TEST(found("000") == 0u);  // too short to be meant as an id
  BOOST_TEST(store::find_devices(db, id_of(1), 10).front().name == "pump");
  BOOST_TEST(found("x") == 0u);
}

BOOST_AUTO_TEST_CASE(people_need_not_type_a_name_as_it_is_written) {
  auto db = fresh_database();
  add(db, 1, [](auto& row) { row.name = "Pump"; });
  add(db, 2, [](auto& row) { row.name = "pump 2"; });
  add(db, 3);
  const auto found = [&](const std::string& name) { return store::find_devices_by_beginning(db, name, 10).size(); };
  BOOST_TEST(found("PUMP") == 1u);
  BOOST_TEST(found("pum") == 2u);
  BOOST_TEST(found("pump ") == 1u);
  BOOST_TEST(found("ump") == 0u);
  BOOST_TEST(found("%") == 0u);
  BOOST_TEST(found("") == 0u);
  BOOST_TEST(found("0000") == 0u);  // of those without a name, the id is for find_devices()
}

BOOST_AUTO_TEST_CASE(what_people_change_is_noted_and_what_devices_change_is_not) {
  auto db = fresh_database();
  add(db, 1);
  add(db, 2);
  auto seen = store::latest_change(db);
  const auto noted = [&](const Texts& expected) {
    BOOST_TEST(subjects_since(db, seen) == expected, boost::test_tools::per_element());
    BOOST_TEST(store::latest_change(db) >= seen);
    seen = store::latest_change(db);
  };
  auto row = *store::load_device(db, id_of(1));
  row.state = "blocked";
  row.address = "10.0.0.9";
  store::update_device(db, row);
  store::save_modules(db, row.id, {});
  noted({});
  store::set_name(db, row.id, "pump");
  store::set_held(db, row.id, true);
  store::set_name(db, id_of(2), "fan");
  noted({id_of(1), id_of(2)});
  for (const auto& change : std::vector<std::function<void()>>{[&] { store::set_approval(db, row.id, "refused"); },
           [&] { store::set_forced(db, row.id, true); }, [&] { store::save_target(db, row.id, {}); },
           [&] { store::clear_targets(db, row.id); }, [&] { store::allow_again(db, row.id); },
           [&] { store::forget_device(db, row.id); }}) {
    change();
    noted({row.id});
  }
  firmware::LibraryModule module;
  module.sha256 = std::string(64, 'a');
  store::add_module(db, module, 1);
  noted({store::subject::modules});
  store::set_approval(db, id_of(2), "approved");
  store::set_held(db, id_of(2), true);
  noted({id_of(2)});
  store::allow_all_again(db);
  noted({store::subject::every_device});
  BOOST_TEST(store::load_device(db, id_of(2))->held);
}

BOOST_AUTO_TEST_SUITE_END()
