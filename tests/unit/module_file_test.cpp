// Compressed and combined module files: read, checked, and what is wrong with them said.
#include "server/firmware_import.hpp"
#include "base/temporary_folder.hpp"
#include "firmware/files.hpp"
#include "store/modules.hpp"
#include "support/data.hpp"
#include "support/test_system.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

using namespace drydock;
using namespace drydock::testing;
using namespace drydock::virtual_device;

namespace {

constexpr std::uint16_t boron = 13;

std::string complaint_about(ByteView file) {
  const auto validated = server::validate_module(file, "x.bin");
  return validated ? "" : validated.error().message;
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(module_files)

// Made by Particle's own tools from a real application.
BOOST_AUTO_TEST_CASE(a_real_compressed_application_is_known_by_what_it_unpacks_to) {
  const auto v = load_json("15_compressed_combined.json")["compressed"];
  const auto file = hex(v["result_hex"]);
  const auto read = firmware::read_module_file(file);
  BOOST_REQUIRE(read.has_value());
  BOOST_REQUIRE(read->members.size() == 1u);
  BOOST_REQUIRE(read->members[0].original.has_value());
  BOOST_TEST(read->members[0].original->prefix.module_size() == v["source_size"].get<std::uint32_t>());
  BOOST_TEST(read->members[0].original->crc_ok());
  BOOST_TEST(firmware::check(*read).has_value());
  const auto imported = server::validate_module(file, "tinker.bin");
  BOOST_REQUIRE(imported.has_value());
  BOOST_TEST(imported->module.size == v["result_size"].get<std::uint32_t>());
  BOOST_TEST(imported->module.title() == "application 2 version 6");
  BOOST_TEST(imported->module.suffix_sha256 == to_hex(read->members[0].original->suffix.sha256));
  BOOST_TEST(imported->module.suffix_sha256 != to_hex(read->members[0].module.suffix.sha256));
}

BOOST_AUTO_TEST_CASE(real_modules_combined_by_particles_own_tools) {
  const char* folder = std::getenv("DRYDOCK_FIRMWARE_DIR");
  if (!folder) {
    BOOST_TEST_MESSAGE("DRYDOCK_FIRMWARE_DIR is not set: no real files to combine");
    return;
  }
  const auto v = load_json("15_compressed_combined.json")["combined"];
  Bytes parts[2];
  for (int i = 0; i < 2; ++i)
    parts[i] = *firmware::read_file(
        std::filesystem::path(folder) / v["order"][static_cast<std::size_t>(i)].get<std::string>(), 8 << 20);
  const auto file = combine(parts[0], parts[1]);
  BOOST_TEST(to_hex(crypto::sha256(file)) == text_in(v["sha256"]));
  const auto imported = server::validate_module(file, "both.bin");
  BOOST_REQUIRE(imported.has_value());
  BOOST_TEST(imported->module.title() == "bootloader version 2400 with application 2 version 6");
  BOOST_TEST(imported->module.size == v["size"].get<std::uint32_t>());
}

BOOST_AUTO_TEST_CASE(what_the_store_knows_of_a_combined_file_comes_back) {
  TemporaryFolder temporary;
  const state::StateFolder folder{temporary.path()};
  BOOST_REQUIRE(folder.create().has_value());
  auto db = store::Database::open(folder.database(), store::Access::read_write);
  auto padded = combine(module_for(boron, 4, 1, 6200), compress(module_for(boron, 5, 2, 7, {4, 1, 6200})));
  const auto size = padded.size();
  padded.resize(size + 50, 0xff);
  const auto imported = server::validate_module(padded, "both.bin");
  BOOST_REQUIRE(imported.has_value());
  BOOST_TEST(imported->content.size() == size);
  BOOST_REQUIRE(server::add_to_library(db, folder, *imported).has_value());
  BOOST_TEST((*store::load_library(db).all().front() == imported->module));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_compressed_module_is_said) {
  const auto module = module_for(boron, 4, 1, 6200);
  BOOST_TEST(complaint_about(compress(module)) == "");
  BOOST_TEST(contains(complaint_about(compress(module_for(boron, 2, 0, 3100))), "no device unpacks a bootloader"));

  auto damaged = module;
  damaged[1000] ^= 1;
  BOOST_TEST(contains(complaint_about(compress(damaged)), "what is compressed in it: the file is damaged"));

  const auto changed = [&](std::size_t at, std::uint8_t to) {
    auto file = compress(module);
    file[at] = to;
    update_checksums(file);
    return complaint_about(file);
  };
  BOOST_TEST(contains(changed(200, 0), "damaged"));
  BOOST_TEST(contains(changed(26, 9), "in a way devices do not know (method 9)"));
  BOOST_TEST(contains(changed(31, 0x7f), "claims to unpack to"));
  BOOST_TEST(contains(changed(28, 0), "is damaged, or not the"));  // not as long as it says
  BOOST_TEST(contains(changed(10, 0), "what is compressed in it is Boron system part 1 version 6200"));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_combined_file_is_said) {
  const auto system = module_for(boron, 4, 1, 6200);
  const auto application = module_for(boron, 5, 2, 7);
  const auto both = combine(system, application);
  BOOST_TEST(complaint_about(both) == "");
  BOOST_TEST(contains(complaint_about(ByteView(both).first(system.size())), "the second is not there"));
  BOOST_TEST(
      contains(complaint_about(ByteView(both).first(system.size() + 3000)), "its second module: the file is cut"));
  BOOST_TEST(contains(complaint_about(combine(system, combine(application, application))), "more than 2 modules"));
  BOOST_TEST(contains(complaint_about(combine(system, module_for(12, 5, 2, 7))), "of different platforms"));
  auto damaged = both;
  damaged[system.size() + 1000] ^= 1;
  BOOST_TEST(contains(complaint_about(damaged), "the file is damaged"));
}

BOOST_AUTO_TEST_CASE(every_cut_and_many_flipped_bytes_are_an_answer) {
  const auto file =
      combine(compress(module_for(boron, 4, 1, 6200, {}, 700)), compress(module_for(boron, 5, 2, 7, {}, 300)));
  for (std::size_t size = 0; size < file.size(); ++size) BOOST_TEST(complaint_about(ByteView(file).first(size)) != "");
  for (std::size_t at = 0; at < file.size(); ++at) {
    auto flipped = file;
    flipped[at] ^= 0x41;
    (void)complaint_about(flipped);
  }
}

std::string complaint_about_one_at(std::uint16_t platform, std::uint8_t function, std::uint8_t index,
    std::uint32_t start, std::uint16_t version, ModuleSpec::Needs needs = {}) {
  return complaint_about(make_module({.function = function,
      .index = index,
      .version = version,
      .platform = platform,
      .needs1 = needs,
      .start = start}));
}

BOOST_AUTO_TEST_CASE(modules_stay_within_the_slots_of_their_platform) {
  const auto moved = [](std::uint16_t platform, std::uint8_t function, std::uint8_t index, std::uint32_t start) {
    return complaint_about_one_at(platform, function, index, start, 1);
  };
  BOOST_TEST(moved(boron, 5, 2, 0xB4000) == "");
  BOOST_TEST(contains(moved(boron, 5, 2, 0xF3800), "outside the application 2's 0xb4000–0xf4000"));
  BOOST_TEST(moved(boron, 4, 1, 0x28000) == "");  // where 6.2 has it
  BOOST_TEST(contains(moved(boron, 2, 0, 0x30000), "outside the bootloader's"));
  BOOST_TEST(moved(32, 5, 1, 0x085FFFFC - 4092) == "");
  BOOST_TEST(contains(moved(32, 5, 1, 0x08600000), "outside the application's"));
  BOOST_TEST(moved(10, 4, 3, 0x08060000) == "");
  // More than an Electron can receive at once, though its slots together would hold it.
  ModuleSpec part1;
  part1.platform = 10;
  part1.version = 1;
  part1.size = 80'000;
  part1.start = 0x08020000;
  auto part2 = part1;
  part2.index = 2;
  part2.start = 0x08040000;
  BOOST_TEST(contains(complaint_about(combine(make_module(part1), make_module(part2))), "has room for 131072"));
}

// Linked for another address, a module would start at the wrong code; without its slot a device may do anything.
BOOST_AUTO_TEST_CASE(modules_lie_where_the_releases_have_them) {
  BOOST_TEST(contains(complaint_about_one_at(6, 4, 2, 0x08070000, 3),
      "it begins at 0x8070000, a system part 2 of this platform at 0x8060000"));
  BOOST_TEST(contains(complaint_about_one_at(6, 5, 1, 0x080B0000, 3), "made for another place"));
  BOOST_TEST(contains(complaint_about_one_at(32, 5, 1, 0x08500000, 3), "it ends at"));
  BOOST_TEST(complaint_about_one_at(boron, 4, 1, 0x30000, 403) == "");
  BOOST_TEST(contains(complaint_about_one_at(boron, 4, 1, 0x40000, 403), "made for another place"));
  BOOST_TEST(complaint_about_one_at(boron, 4, 1, 0x40000, 60000) == "");  // a Device OS to come may have it there
  BOOST_TEST(contains(complaint_about_one_at(6, 2, 1, 0x08020000, 3),
      "a slot 'bootloader part 1', which no known Device OS for Photon has"));
  BOOST_TEST(contains(complaint_about_one_at(6, 8, 0, 0x08020000, 3), "a slot 'radio stack'"));
  BOOST_TEST(contains(
      complaint_about_one_at(6, 4, 2, 0x08060000, 3, {8, 0, 1}), "it needs something in a slot 'radio stack'"));
  BOOST_TEST(complaint_about_one_at(6, 4, 2, 0x08060000, 3, {4, 1, 3}) == "");
  BOOST_TEST(
      complaint_about_one_at(200, 2, 7, 0x1234000, 3, {8, 0, 1}) == "");  // of an unknown platform nothing is known
}

BOOST_AUTO_TEST_CASE(what_a_compressed_module_hides_behind_its_header_is_refused) {
  auto lying = compress(module_for(boron, 4, 1, 6200, {2, 0, 1100}));
  lying[18] = 0;  // the version that its first dependency says outside
  lying[19] = 0;
  update_checksums(lying);
  BOOST_TEST(contains(complaint_about(lying), "it says to need something else"));
}

BOOST_AUTO_TEST_CASE(two_modules_that_were_only_joined_are_refused) {
  auto joined = module_for(boron, 4, 1, 6200);
  append(joined, module_for(boron, 5, 2, 7));
  BOOST_TEST(contains(complaint_about(joined), "there is another module behind it"));
}

BOOST_AUTO_TEST_CASE(an_asset_is_what_its_header_says) {
  auto asset = virtual_device::make_asset("cat.txt", Bytes(500, 7));
  BOOST_TEST(complaint_about(asset) == "");
  const auto name = std::string("cat.txt");
  const auto hash_at = std::search(asset.begin(), asset.end(), name.begin(), name.end()) - asset.begin();
  BOOST_REQUIRE(hash_at > 40);
  auto other = asset;
  other[asset.size() - 100] ^= 1;  // somewhere in the declared hash or the name behind it
  update_checksums(other);
  BOOST_TEST(complaint_about(other) != "");
}

BOOST_AUTO_TEST_CASE(a_file_that_says_what_particles_own_says_goes_before_another_of_its_version) {
  firmware::Library library;
  const auto add = [&](std::string sha256, std::vector<firmware::Dependency> needs, std::uint32_t size) {
    firmware::LibraryModule module;
    module.platform = 6;
    module.key = {firmware::Function::system_part, 2};
    module.version = 3;
    module.dependencies = std::move(needs);
    module.size = size;
    module.sha256 = std::move(sha256);
    library.add(std::move(module));
  };
  add("a", {}, 100);
  add("b", {{{firmware::Function::system_part, 1}, 3}}, 200);
  const auto found = library.candidates(6, {firmware::Function::system_part, 2}, 3);
  BOOST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found.front()->sha256 == "b");
  BOOST_TEST(found.back()->unlike_release);
}

BOOST_AUTO_TEST_SUITE_END()
