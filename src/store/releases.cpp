#include "store/releases.hpp"

#include "store/modules.hpp"
#include "store/statement.hpp"

namespace drydock::store {

void add_release(Database& db, const ReleaseRow& release) {
  Statement s(db, "INSERT INTO releases (name, notes, created) VALUES (?,?,?)");
  s.bind(1, release.name);
  s.bind(2, release.notes);
  s.bind(3, release.created);
  s.execute();
  for (const auto& module : release.modules) {
    Statement member(db, "INSERT INTO release_modules (release_name, sha256) VALUES (?,?)");
    member.bind(1, release.name);
    member.bind(2, module.sha256);
    member.execute();
  }
}

namespace {

ReleaseRow read_release(Statement& s) {
  ReleaseRow release;
  release.name = s.text(0);
  release.notes = s.text(1);
  release.created = s.integer(2);
  return release;
}

void add_files(Database& db, ReleaseRow& release) {
  release.modules = load_modules_of_release(db, release.name);
  Statement s(db, "SELECT count(*) FROM release_modules WHERE release_name = ?");
  s.bind(1, release.name);
  s.step();
  release.missing = s.integer<std::size_t>(0) - release.modules.size();
}

}  // namespace

std::vector<ReleaseRow> load_releases(Database& db) {
  Statement s(db, "SELECT name, notes, created FROM releases ORDER BY created DESC, name");
  std::vector<ReleaseRow> releases;
  while (s.step()) releases.push_back(read_release(s));
  for (auto& release : releases) add_files(db, release);
  return releases;
}

std::int64_t count_releases(Database& db) {
  Statement s(db, "SELECT count(*) FROM releases");
  return s.step() ? s.integer(0) : 0;
}

std::optional<ReleaseRow> load_release(Database& db, const std::string& name) {
  Statement s(db, "SELECT name, notes, created FROM releases WHERE name = ?");
  s.bind(1, name);
  if (!s.step()) return std::nullopt;
  auto release = read_release(s);
  s.execute_rest();
  add_files(db, release);
  return release;
}

bool remove_release(Database& db, const std::string& name) {
  Statement s(db, "DELETE FROM releases WHERE name = ?");
  s.bind(1, name);
  return s.execute() != 0;
}

std::vector<std::string> releases_with(Database& db, const std::string& sha256) {
  Statement s(db, "SELECT release_name FROM release_modules WHERE sha256 = ? ORDER BY release_name");
  s.bind(1, sha256);
  std::vector<std::string> names;
  while (s.step()) names.push_back(s.text(0));
  return names;
}

}  // namespace drydock::store
