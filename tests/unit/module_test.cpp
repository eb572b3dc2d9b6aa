#include "server/firmware_import.hpp"
#include "store/devices.hpp"
#include "base/crc32.hpp"
#include "firmware/files.hpp"
#include "firmware/module.hpp"
#include "support/data.hpp"
#include "base/temporary_folder.hpp"
#include "support/test_system.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

using namespace drydock;
using namespace drydock::testing;

namespace {

std::string refusal(const Bytes& file) {
  const auto module = firmware::parse_module(file);
  if (!module) return module.error().message;
  const auto checked = firmware::check(*module);
  return checked ? "" : checked.error().message;
}

Bytes made(virtual_device::ModuleSpec recipe = {}) {
  return virtual_device::make_module(recipe);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(firmware_module)

BOOST_AUTO_TEST_CASE(crc_vectors) {
  for (const auto& v : load_list("07_crc32.json", "vectors")) {
    const auto bytes = v.contains("hex") ? hex(v["hex"]) : Bytes();
    const auto text = v.value("ascii", "");
    const auto crc = v.contains("hex") ? crc32(bytes) : crc32(view_of(text));
    Bytes big_endian;
    put_be32(big_endian, crc);
    BOOST_TEST(to_hex(big_endian) == v["crc32_hex"].get<std::string>());
  }
}

BOOST_AUTO_TEST_CASE(a_made_module_is_read_back) {
  virtual_device::ModuleSpec recipe;
  recipe.function = 4;
  recipe.index = 2;
  recipe.version = 1512;
  recipe.needs1 = {4, 1, 1512};
  recipe.needs2 = {2, 0, 400};
  const auto file = made(recipe);
  const auto module = firmware::parse_module(file);
  BOOST_REQUIRE(module.has_value());
  BOOST_TEST(module->prefix.offset == 0x184u);
  BOOST_TEST(module->key().name() == "system part 2");
  BOOST_TEST(module->version() == 1512);
  BOOST_TEST(module->dependencies().size() == 2u);
  BOOST_TEST(module->crc_ok());
  BOOST_TEST(module->sha256_ok);
  BOOST_TEST(refusal(file) == "");
}

BOOST_AUTO_TEST_CASE(a_second_dependency_without_a_first_does_not_exist_for_the_device) {
  virtual_device::ModuleSpec recipe;
  recipe.needs2 = {2, 0, 400};
  BOOST_TEST(firmware::parse_module(made(recipe))->dependencies().empty());
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_file_is_said) {
  BOOST_TEST(refusal({}) == "the file is empty");
  BOOST_TEST(refusal(Bytes(10, 1)).starts_with("the file has only 10 bytes"));
  BOOST_TEST(refusal(Bytes(5000, 0)).starts_with("not a Particle firmware module"));
  auto cut = made();
  cut.resize(3000);
  BOOST_TEST(refusal(cut) == "the file is cut: its header announces 4096 bytes, it has 3000");
  auto damaged = made();
  damaged[2000] ^= 1;
  BOOST_TEST(refusal(damaged).starts_with("the file is damaged: its CRC is"));
  virtual_device::ModuleSpec elsewhere;
  elsewhere.start = 0x08060000;
  BOOST_TEST(refusal(made(elsewhere)).starts_with("it would be installed at 0x8060000"));
  virtual_device::ModuleSpec monolithic;
  monolithic.function = 3;
  BOOST_TEST(refusal(made(monolithic)).starts_with("it is a monolithic image"));
  virtual_device::ModuleSpec whole_flash;
  whole_flash.function = 3;
  whole_flash.index = 0;
  whole_flash.platform = 0;
  whole_flash.start = 0x08000000;
  BOOST_TEST(refusal(made(whole_flash)).starts_with("it would be installed at 0x8000000"));
  virtual_device::ModuleSpec flagged;
  flagged.flags = 0x80;
  BOOST_TEST(refusal(made(flagged)).starts_with("unknown module flags"));
}

BOOST_AUTO_TEST_CASE(every_cut_and_every_flipped_byte_is_an_answer_not_a_crash) {
  const auto whole = made({5, 1, 3, 6, {4, 2, 3}, {}, 400});
  for (std::size_t size = 0; size < whole.size(); ++size)
    BOOST_TEST(refusal(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))) != "");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto flipped = whole;
    flipped[at] ^= 0x55;
    BOOST_TEST(refusal(flipped) != "");
  }
}

BOOST_AUTO_TEST_CASE(padding_behind_a_module_is_not_sent) {
  auto padded = made();
  padded.resize(padded.size() + 100, 0xff);
  const auto validated = server::validate_module(padded, "padded.bin");
  BOOST_REQUIRE(validated.has_value());
  BOOST_TEST(validated->content.size() == 4096u);
  BOOST_TEST(validated->module.size == 4096u);
}

BOOST_AUTO_TEST_CASE(add_keeps_one_copy_of_each_file_and_notices_damage) {
  TemporaryFolder temporary;
  const state::StateFolder folder{temporary.path()};
  BOOST_REQUIRE(folder.create().has_value());
  auto db = store::Database::open(folder.database(), store::Access::read_write);
  const auto part = server::validate_module(made(), "a.bin");
  BOOST_REQUIRE(part.has_value());
  BOOST_TEST((*server::add_to_library(db, folder, *part) == server::Added::new_module));
  BOOST_TEST((*server::add_to_library(db, folder, *part) == server::Added::already_present));

  const firmware::ModuleFiles files(folder.firmware());
  const auto loaded = files.load(part->module.sha256);
  BOOST_REQUIRE(loaded.has_value());
  BOOST_TEST((**loaded == part->content));
  BOOST_TEST((files.load(part->module.sha256)->get() == loaded->get()));  // shared, not read twice

  const firmware::ModuleFiles elsewhere(folder.firmware());
  std::filesystem::resize_file(files.path_of(part->module.sha256), 100);
  BOOST_TEST((elsewhere.load(part->module.sha256).error().kind == ErrorKind::storage));
  BOOST_TEST((elsewhere.load(std::string(64, 'a')).error().kind == ErrorKind::not_found));

  BOOST_TEST(server::find_in_library(db, "a.bin").has_value());
  store::DeviceRow device;
  device.id = std::string(24, 'a');
  device.public_key = {1};
  store::add_device(db, device);
  store::save_target(db, device.id, {part->module.key, part->module.version, part->module.sha256});
  BOOST_TEST((server::remove_from_library(db, folder, part->module).error().kind == ErrorKind::conflict));
  BOOST_TEST(std::filesystem::exists(files.path_of(part->module.sha256)));
  store::clear_targets(db, device.id);
  BOOST_TEST(server::remove_from_library(db, folder, part->module).has_value());
  BOOST_TEST((server::find_in_library(db, "a.bin").error().kind == ErrorKind::not_found));
  BOOST_TEST(!std::filesystem::exists(files.path_of(part->module.sha256)));
}

// With DRYDOCK_FIRMWARE_DIR, every real file is read as an independent parser reads it (modules.jsonl).
BOOST_AUTO_TEST_CASE(real_files_are_read_as_an_independent_parser_reads_them) {
  const char* folder = std::getenv("DRYDOCK_FIRMWARE_DIR");
  if (!folder) {
    BOOST_TEST_MESSAGE("DRYDOCK_FIRMWARE_DIR is not set: no real files to compare with");
    return;
  }
  const auto number = [](const nlohmann::json& hex_text) {
    return static_cast<std::uint32_t>(std::stoul(hex_text.get<std::string>(), nullptr, 16));
  };
  int compared = 0;
  for (const auto& line : load_json_lines("modules.jsonl")) {
    const auto name = line["filename"].get<std::string>();
    const auto content = firmware::read_file(std::filesystem::path(folder) / name, 8 << 20);
    BOOST_REQUIRE_MESSAGE(content.has_value(), name);
    const auto module = firmware::parse_module(*content);
    BOOST_TEST_CONTEXT(name) {
      ++compared;
      if (line.contains("error")) {
        BOOST_TEST(!module.has_value());
        continue;
      }
      BOOST_REQUIRE(module.has_value());
      const auto& p = line["prefixInfo"];
      const auto& ours = module->prefix;
      BOOST_TEST(ours.offset == p["prefixOffset"].get<std::uint32_t>());
      BOOST_TEST(ours.start_address == number(p["moduleStartAddy"]));
      BOOST_TEST(ours.end_address == number(p["moduleEndAddy"]));
      BOOST_TEST(ours.reserved == p["reserved"].get<int>());
      BOOST_TEST(ours.flags == p["moduleFlags"].get<int>());
      BOOST_TEST(ours.version == p["moduleVersion"].get<int>());
      BOOST_TEST(ours.platform == p["platformID"].get<int>());
      BOOST_TEST(static_cast<int>(ours.key.function) == p["moduleFunction"].get<int>());
      BOOST_TEST(ours.key.index == p["moduleIndex"].get<int>());
      BOOST_TEST(static_cast<int>(ours.dependency1.key.function) == p["depModuleFunction"].get<int>());
      BOOST_TEST(ours.dependency1.key.index == p["depModuleIndex"].get<int>());
      BOOST_TEST(ours.dependency1.version == p["depModuleVersion"].get<int>());
      BOOST_TEST(static_cast<int>(ours.dependency2.key.function) == p["dep2ModuleFunction"].get<int>());
      BOOST_TEST(ours.dependency2.key.index == p["dep2ModuleIndex"].get<int>());
      BOOST_TEST(ours.dependency2.version == p["dep2ModuleVersion"].get<int>());
      BOOST_TEST(module->crc_ok() == line["crc"]["ok"].get<bool>());
      const auto compare_extensions = [&](const nlohmann::json& theirs,
                                          const std::vector<firmware::Extension>& extensions) {
        BOOST_REQUIRE(extensions.size() == theirs.size());
        for (std::size_t i = 0; i < extensions.size(); ++i) {
          BOOST_TEST(extensions[i].type == theirs[i]["type"].get<int>());
          BOOST_TEST(extensions[i].offset == theirs[i]["offset"].get<std::uint32_t>());
          BOOST_TEST(to_hex(extensions[i].body) == theirs[i]["data"].get<std::string>().substr(8));
        }
      };
      compare_extensions(p.value("extensions", nlohmann::json::array()), ours.extensions);
      // Of a padded file the other parser reads the padding as suffix; a device reads where the header points.
      if (module->padding != 0) continue;
      const auto& s = line["suffixInfo"];
      BOOST_TEST(to_hex(module->suffix.sha256) == s["fwUniqueId"].get<std::string>());
      BOOST_TEST(module->suffix.size == s["suffixSize"].get<int>());
      BOOST_TEST(module->suffix.reserved == s["reserved"].get<int>());
      BOOST_TEST(
          (module->suffix.product_id ? static_cast<int>(*module->suffix.product_id) : -1) == s["productId"].get<int>());
      BOOST_TEST((module->suffix.product_version ? static_cast<int>(*module->suffix.product_version) : -1) ==
          s["productVersion"].get<int>());
      compare_extensions(s.value("extensions", nlohmann::json::array()), module->suffix.extensions);
    }
  }
  BOOST_TEST(compared == 21);
}

BOOST_AUTO_TEST_CASE(what_a_killed_import_left_is_swept_away_and_one_under_way_is_not) {
  TemporaryFolder folder;
  const firmware::ModuleFiles files(folder.path());
  const auto left = folder.path() / ".left.bin.a1b2c3";
  const auto under_way = folder.path() / ".now.bin.d4e5f6";
  const auto kept = folder.path() / "kept.bin";
  for (const auto& file : {left, under_way, kept}) BOOST_REQUIRE(firmware::write_file(file, Bytes{1}).has_value());
  for (const auto& file : {left, kept})
    std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  files.sweep();
  BOOST_TEST(!std::filesystem::exists(left));
  BOOST_TEST(std::filesystem::exists(under_way));
  BOOST_TEST(std::filesystem::exists(kept));
}

BOOST_AUTO_TEST_SUITE_END()
