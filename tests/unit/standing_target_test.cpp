// What "the latest", "at least", "exactly" and a release come to for a device, and that they never keep back what it
// needs.
#include "planning/plan.hpp"
#include "support/test_system.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace drydock::planning;

namespace {

constexpr std::uint16_t photon = 6;

struct Standing {
  void add(const Bytes& file) {
    auto validated = server::validate_module(file, "f.bin");
    BOOST_REQUIRE_MESSAGE(validated.has_value(), (validated ? "" : validated.error().message));
    library.add(validated->module);
  }
  void has(const Bytes& file) {
    const auto read = server::validate_module(file, "f.bin");
    for (const auto& member : read->module.members()) {
      firmware::InstalledModule module;
      module.key = member.key;
      module.version = member.version;
      module.dependencies = member.dependencies;
      module.sha256 = member.suffix_sha256;
      installed.modules.push_back(module);
    }
  }
  /// "4:1@7 4:2@7": function, index, version of each step.
  std::string steps(const StandingTarget& standing, const std::vector<Target>& own = {}) {
    last = plan(installed, library, {own, standing});
    std::string words;
    for (const auto& step : last.steps)
      words += (words.empty() ? "" : " ") + std::to_string(static_cast<int>(step.module.key.function)) + ":" +
          std::to_string(step.module.key.index) + "@" + std::to_string(step.module.version);
    return words;
  }

  firmware::Library library;
  firmware::Inventory installed;
  Plan last;
};

StandingTarget of_kind(TargetKind kind, const std::string& version = "") {
  StandingTarget target;
  target.kind = kind;
  target.version = version;
  target.rule = "all devices";
  return target;
}

struct OldPhoton : Standing {
  OldPhoton() {
    installed.platform = photon;
    has(system_part(1, 7));
    has(system_part(2, 7, {4, 1, 7}));
    has(user_part(6, {4, 2, 7}));
    for (const int version : {7, 15, 21}) {
      add(system_part(1, static_cast<std::uint16_t>(version)));
      add(system_part(2, static_cast<std::uint16_t>(version), {4, 1, static_cast<std::uint16_t>(version)}));
    }
    add(system_part(1, 30));  // of which part 2 is not there
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(standing_targets, OldPhoton)

BOOST_AUTO_TEST_CASE(the_latest_is_the_newest_that_is_whole) {
  BOOST_TEST(steps(of_kind(TargetKind::needs)) == "");
  BOOST_TEST(steps(of_kind(TargetKind::latest)) == "4:1@21 4:2@21");
}

BOOST_AUTO_TEST_CASE(at_least_takes_the_nearest_and_leaves_newer_ones_alone) {
  BOOST_TEST(steps(of_kind(TargetKind::at_least, "10")) == "4:1@15 4:2@15");
  BOOST_TEST(steps(of_kind(TargetKind::at_least, "7")) == "");
  BOOST_TEST(steps(of_kind(TargetKind::at_least, "3")) == "");
  // One that is nowhere says which file would help.
  BOOST_TEST(steps(of_kind(TargetKind::at_least, "31")) == "");
  BOOST_TEST(last.current());
  BOOST_TEST(last.unreached == "shall have Device OS 31 or later, and the library has not all that this takes");
  BOOST_REQUIRE(last.notes.size() == 1u);
  BOOST_TEST(last.notes[0].find("version 31") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_release_of_device_os_is_named_as_people_name_it) {
  BOOST_TEST(*system_version_of(photon, "3.3.1") == 3302);
  BOOST_TEST(*system_version_of(photon, "3302") == 3302);
  for (const auto* bad : {"9.9.9", "", "three", "0", "70000", "-1", "3.3.1-rc.1"})
    BOOST_TEST(!system_version_of(photon, bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(nothing_is_taken_back_unless_that_is_said) {
  installed.modules.clear();
  has(system_part(1, 21));
  has(system_part(2, 21, {4, 1, 21}));
  has(user_part(6, {4, 2, 7}));
  auto exactly = of_kind(TargetKind::exactly, "15");
  BOOST_TEST(steps(exactly) == "");
  exactly.downgrade = true;
  BOOST_TEST(steps(exactly) == "4:2@15 4:1@15");
  // Never below what the application needs.
  installed.modules.pop_back();
  has(user_part(6, {4, 2, 21}));
  BOOST_TEST(steps(exactly) == "");
  BOOST_TEST(last.unreached != "");
}

BOOST_AUTO_TEST_CASE(a_target_out_of_reach_never_keeps_back_what_the_device_needs) {
  installed.modules.pop_back();
  has(user_part(6, {4, 2, 15}));  // sits in safe mode
  BOOST_TEST(steps(of_kind(TargetKind::at_least, "31")) == "4:1@15 4:2@15");
  BOOST_REQUIRE(last.notes.size() == 1u);
  BOOST_TEST(last.notes[0].find("Device OS 31 or later") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_was_said_of_the_device_goes_before) {
  const std::vector<Target> own{{{firmware::Function::system_part, 1}, 15, ""}};
  BOOST_TEST(steps(of_kind(TargetKind::at_least, "20"), own).find("4:1@21") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
