#include "store/modules.hpp"

#include "store/changes.hpp"
#include "store/dependencies_json.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

namespace drydock::store {

bool add_module(Database& db, const firmware::LibraryModule& module, std::int64_t now) {
  SQLite::Statement s(db.sql(),
      "INSERT OR IGNORE INTO modules (sha256, file_name, size, platform, function, module_index, version, flags, "
      "dependencies, "
      "suffix_sha256, product_id, product_version, added, companion, assets) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
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
  if (module.product_id)
    s.bind(11, static_cast<std::int64_t>(*module.product_id));
  else
    s.bind(11);
  if (module.product_version)
    s.bind(12, *module.product_version);
  else
    s.bind(12);
  s.bind(13, now);
  if (module.second_module)
    s.bind(14, second_module_to_json(*module.second_module));
  else
    s.bind(14);
  if (const auto assets = assets_to_json(module); !assets.empty())
    s.bind(15, assets);
  else
    s.bind(15);
  note_change(db, subject::modules);  // of one already there, too: its file may have been repaired
  return s.exec() != 0;
}

bool remove_module(Database& db, const std::string& sha256) {
  SQLite::Statement s(db.sql(), "DELETE FROM modules WHERE sha256 = ?");
  s.bind(1, sha256);
  note_change(db, subject::modules);
  return s.exec() != 0;
}

firmware::Library load_library(Database& db) {
  SQLite::Statement s(db.sql(),
      "SELECT sha256, file_name, size, platform, function, module_index, version, flags, dependencies, suffix_sha256, "
      "product_id, product_version, companion, assets FROM modules");
  firmware::Library library;
  while (s.executeStep()) {
    firmware::LibraryModule m;
    m.sha256 = s.getColumn(0).getString();
    m.file_name = s.getColumn(1).getString();
    m.size = s.getColumn(2).getUInt();
    m.platform = static_cast<std::uint16_t>(s.getColumn(3).getInt());
    m.key = {
        static_cast<firmware::Function>(s.getColumn(4).getInt()), static_cast<std::uint8_t>(s.getColumn(5).getInt())};
    m.version = static_cast<std::uint16_t>(s.getColumn(6).getInt());
    m.flags = static_cast<std::uint8_t>(s.getColumn(7).getInt());
    m.dependencies = dependencies_from_json(s.getColumn(8).getString());
    m.suffix_sha256 = s.getColumn(9).getString();
    if (!s.getColumn(10).isNull()) m.product_id = s.getColumn(10).getUInt();
    if (!s.getColumn(11).isNull()) m.product_version = static_cast<std::uint16_t>(s.getColumn(11).getInt());
    if (!s.getColumn(12).isNull()) m.second_module = second_module_from_json(s.getColumn(12).getString());
    if (!s.getColumn(13).isNull()) assets_from_json(s.getColumn(13).getString(), m);
    library.add(std::move(m));
  }
  return library;
}

}  // namespace drydock::store
