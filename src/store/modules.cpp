#include "store/modules.hpp"

#include "store/statement.hpp"

#include "store/changes.hpp"
#include "store/dependencies_json.hpp"

namespace drydock::store {

bool add_module(Database& db, const firmware::LibraryModule& module, std::int64_t now) {
  Statement s(db,
      "INSERT INTO modules (sha256, file_name, size, platform, function, module_index, version, flags, "
      "dependencies, "
      "suffix_sha256, product_id, product_version, added, companion, assets) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON "
      "CONFLICT DO NOTHING");
  s.bind(1, module.sha256);
  s.bind(2, module.file_name);
  s.bind(3, module.size);
  s.bind(4, module.platform);
  s.bind(5, static_cast<int>(module.key.function));
  s.bind(6, module.key.index);
  s.bind(7, module.version);
  s.bind(8, module.flags);
  s.bind(9, dependencies_to_json(module.dependencies));
  s.bind(10, module.suffix_sha256);
  s.bind(11, module.product_id);
  s.bind(12, module.product_version);
  s.bind(13, now);
  if (module.second_module)
    s.bind(14, second_module_to_json(*module.second_module));
  else
    s.bind_null(14);
  if (const auto assets = assets_to_json(module); !assets.empty())
    s.bind(15, assets);
  else
    s.bind_null(15);
  note_change(db, subject::modules);  // of one already there, too: its file may have been repaired
  return s.execute() != 0;
}

bool remove_module(Database& db, const std::string& sha256) {
  Statement s(db, "DELETE FROM modules WHERE sha256 = ?");
  s.bind(1, sha256);
  note_change(db, subject::modules);
  return s.execute() != 0;
}

void save_module_file(Database& db, const std::string& sha256, const Bytes& content) {
  if (db.engine() == Engine::sqlite) return;
  Statement s(db,
      "INSERT INTO module_files (sha256, content) VALUES (?, ?) ON CONFLICT (sha256) DO UPDATE SET content = "
      "excluded.content");
  s.bind(1, sha256);
  s.bind(2, content);
  s.execute();
}

std::optional<Bytes> load_module_file(Database& db, const std::string& sha256) {
  if (db.engine() == Engine::sqlite) return std::nullopt;
  Statement s(db, "SELECT content FROM module_files WHERE sha256 = ?");
  s.bind(1, sha256);
  if (!s.step()) return std::nullopt;
  return s.bytes(0);
}

namespace {

constexpr const char* module_columns =
    "sha256, file_name, size, platform, function, module_index, version, flags, dependencies, suffix_sha256, "
    "product_id, product_version, companion, assets";

firmware::LibraryModule read_module(Statement& s) {
  firmware::LibraryModule m;
  m.sha256 = s.text(0);
  m.file_name = s.text(1);
  m.size = s.integer<std::uint32_t>(2);
  m.platform = s.integer<std::uint16_t>(3);
  m.key = {static_cast<firmware::Function>(s.integer(4)), s.integer<std::uint8_t>(5)};
  m.version = s.integer<std::uint16_t>(6);
  m.flags = s.integer<std::uint8_t>(7);
  m.dependencies = dependencies_from_json(s.text(8));
  m.suffix_sha256 = s.text(9);
  if (!s.is_null(10)) m.product_id = s.integer<std::uint32_t>(10);
  if (!s.is_null(11)) m.product_version = s.integer<std::uint16_t>(11);
  if (!s.is_null(12)) m.second_module = second_module_from_json(s.text(12));
  if (!s.is_null(13)) assets_from_json(s.text(13), m);
  return m;
}

}  // namespace

firmware::Library load_library(Database& db) {
  Statement s(db, std::string("SELECT ") + module_columns + " FROM modules");
  firmware::Library library;
  while (s.step()) library.add(read_module(s));
  return library;
}

std::vector<firmware::LibraryModule> load_modules_of_release(Database& db, const std::string& release) {
  Statement s(db,
      std::string("SELECT ") + module_columns +
          " FROM modules WHERE sha256 IN (SELECT sha256 FROM release_modules WHERE release_name = ?) ORDER BY sha256");
  s.bind(1, release);
  std::vector<firmware::LibraryModule> modules;
  while (s.step()) modules.push_back(read_module(s));
  return modules;
}

ModuleUses count_uses(Database& db, const firmware::LibraryModule& module) {
  ModuleUses uses;
  Statement devices(db,
      "SELECT count(DISTINCT m.device_id) FROM device_modules m JOIN devices d ON d.id = m.device_id WHERE "
      "d.platform = ? AND m.function = ? AND m.module_index = ? AND m.version = ?");
  devices.bind(1, module.platform);
  devices.bind(2, static_cast<int>(module.key.function));
  devices.bind(3, module.key.index);
  devices.bind(4, module.version);
  if (devices.step()) uses.devices = devices.integer(0);
  Statement targets(db, "SELECT count(DISTINCT device_id) FROM goals WHERE sha256 = ?");
  targets.bind(1, module.sha256);
  if (targets.step()) uses.targets = targets.integer(0);
  Statement releases(db, "SELECT release_name FROM release_modules WHERE sha256 = ? ORDER BY release_name");
  releases.bind(1, module.sha256);
  while (releases.step()) uses.releases.push_back(releases.text(0));
  return uses;
}

}  // namespace drydock::store
