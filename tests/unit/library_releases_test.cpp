// Which releases the library has, and what of each it lacks; and who uses a file.
#include "firmware/library_releases.hpp"
#include "store/devices.hpp"
#include "store/modules.hpp"
#include "support/any_engine.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

using namespace drydock;
using namespace drydock::firmware;
using namespace drydock::testing;

namespace {

constexpr std::uint16_t photon = 6;

LibraryModule file(ModuleKey key, std::uint16_t version) {
  LibraryModule module;
  module.sha256 = fmt::format("{:064x}", static_cast<int>(key.function) * 100'000 + key.index * 10'000 + version);
  module.file_name = "some.bin";
  module.platform = photon;
  module.key = key;
  module.version = version;
  module.size = 1000;
  return module;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(library_releases)

BOOST_AUTO_TEST_CASE(a_release_is_complete_when_each_of_its_modules_is_there) {
  Library library;
  BOOST_TEST(releases_in(library).empty());
  const auto release = *find_release(photon, {3, 3, 1});
  for (const auto& module : release.modules)
    if (module.key.function != Function::system_part || module.key.index == 2)
      library.add(file(module.key, module.version));
  auto found = releases_in(library);
  BOOST_REQUIRE(!found.empty());
  BOOST_TEST(found.front().number.text() == "3.3.1");
  BOOST_REQUIRE(found.front().missing.size() == 1u);
  BOOST_TEST((found.front().missing[0].first == ModuleKey{Function::system_part, 1}));
  library.add(file({Function::system_part, 1}, found.front().missing[0].second));
  found = releases_in(library);
  BOOST_TEST(found.front().missing.empty());
  BOOST_TEST(found.front().files.size() == release.modules.size());
}

BOOST_AUTO_TEST_CASE(a_bootloader_alone_makes_no_release) {
  Library library;
  library.add(file({Function::bootloader, 0}, 1200));
  BOOST_TEST(releases_in(library).empty());
}

BOOST_AUTO_TEST_CASE(where_a_release_is_to_be_had) {
  BOOST_TEST(release_file(photon, {Function::system_part, 1}, {3, 3, 1}) == "photon-system-part1@3.3.1");
  BOOST_TEST(release_file(photon, {Function::bootloader, 0}, {0, 5, 4}) == "bootloader-0.5.4-photon");
  BOOST_TEST(release_file(photon, {Function::user_part, 1}, {3, 3, 1}) == "");
  BOOST_TEST(release_file(7777, {Function::system_part, 1}, {3, 3, 1}) == "");
}

BOOST_AUTO_TEST_CASE(who_uses_a_file_is_counted) {
  auto db = fresh_database();
  const auto module = file({Function::user_part, 1}, 6);
  store::add_module(db, module, 1);
  BOOST_TEST(store::count_uses(db, module).devices == 0);
  for (const char name : {'a', 'b', 'c'}) {
    store::DeviceRow row;
    row.id = std::string(24, name);
    row.public_key = {1};
    row.platform = name == 'c' ? 8 : photon;
    row.approval = "approved";
    store::add_device(db, row);
    InstalledModule installed;
    installed.key = module.key;
    installed.version = 6;
    store::save_modules(db, row.id, {installed});
  }
  store::save_target(db, std::string(24, 'a'), {module.key, 6, module.sha256});
  const auto uses = store::count_uses(db, module);
  BOOST_TEST(uses.devices == 2);  // the third is of another platform
  BOOST_TEST(uses.targets == 1);
  BOOST_TEST(uses.releases.empty());
}

BOOST_AUTO_TEST_SUITE_END()
