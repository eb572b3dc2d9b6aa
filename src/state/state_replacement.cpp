#include "state/state_replacement.hpp"

#include "base/clock.hpp"
#include "firmware/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <sstream>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace drydock::state::state_replacement {
namespace {

namespace fs = std::filesystem;

// What belongs to a state folder. The log of the old database goes first: the new one must never meet it.
constexpr std::array contents{
    "drydock.db-wal", "drydock.db-shm", "drydock.db", "server_key.pem", "server_key_udp.pem", "firmware"};
constexpr std::size_t longest_name = 256;
constexpr const char* completion_mark = "completion";  ///< among what arrives

fs::path preparing(const StateFolder& folder) {
  return folder.root / "restore.preparing";
}
fs::path decided(const StateFolder& folder) {
  return folder.root / "restore.decided";
}
fs::path note_of_aside(const fs::path& at) {
  return at / "aside";
}

bool is_there(const fs::path& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

Result<void> rename_entry(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return failure(ErrorKind::storage,
      fmt::format("{} cannot be renamed to {}: {}", from.string(), to.string(), std::strerror(errno)));
}

// Renames that can be taken back.
class Moves {
public:
  Result<void> move(const fs::path& from, const fs::path& to) {
    auto moved = rename_entry(from, to);
    if (moved) done_.emplace_back(from, to);
    return moved;
  }
  bool take_back() {
    for (; !done_.empty(); done_.pop_back())
      if (!rename_entry(done_.back().second, done_.back().first)) return false;
    return true;
  }

private:
  std::vector<std::pair<fs::path, fs::path>> done_;
};

// Each new thing displaces the old one of its name; an old one without a successor goes too. What has no place in
// `decided` any more is in its place already.
Result<void> exchange(
    const StateFolder& folder, const fs::path& aside, const std::vector<std::string>& arriving, Moves& moves) {
  for (const auto* name : contents) {
    const bool comes = std::find(arriving.begin(), arriving.end(), name) != arriving.end();
    const bool in_force = comes && !is_there(decided(folder) / name);
    if (in_force) continue;
    // Nothing is to stand where the old one was before it went aside, but somebody may have made an empty folder there
    // since.
    if (is_there(aside / name)) ::rmdir((folder.root / name).c_str());
    if (is_there(folder.root / name))
      if (auto moved = moves.move(folder.root / name, aside / name); !moved) return moved;
    if (comes)
      if (auto moved = moves.move(decided(folder) / name, folder.root / name); !moved) return moved;
    firmware::sync(folder.root);
  }
  return {};
}

struct Note {
  fs::path aside;
  std::vector<std::string> arriving;
};

// First line where the old contents go, then what arrives.
Result<Note> read_note(const StateFolder& folder) {
  const auto content = firmware::read_file(note_of_aside(decided(folder)), longest_name);
  if (!content) return tl::unexpected(content.error());
  std::istringstream lines{std::string(text_of(*content))};
  Note note;
  std::string line;
  std::getline(lines, line);
  if (line.empty() || line.find('/') != std::string::npos)
    return failure(ErrorKind::malformed, fmt::format("{} cannot be read", note_of_aside(decided(folder)).string()));
  note.aside = folder.root / line;
  while (std::getline(lines, line)) note.arriving.push_back(line);
  return note;
}

// `put_back` says whether a failure left everything as it was.
Result<fs::path> resume(const StateFolder& folder, const Completion& completion, bool& put_back) {
  const auto note = read_note(folder);
  if (!note) return tl::unexpected(note.error());
  if (::mkdir(note->aside.c_str(), 0700) != 0 && errno != EEXIST)
    return failure(
        ErrorKind::storage, fmt::format("{} cannot be made: {}", note->aside.string(), std::strerror(errno)));
  Moves moves;
  if (auto exchanged = exchange(folder, note->aside, note->arriving, moves); !exchanged) {
    put_back = moves.take_back();
    const auto where = put_back
        ? "Everything was put back as it was before this try"
        : fmt::format("What was there before is in {} and {}", folder.root.string(), note->aside.string());
    return failure(ErrorKind::storage, fmt::format("{}. {}", exchanged.error().message, where));
  }
  if (is_there(decided(folder) / kept_file))
    if (auto kept = rename_entry(decided(folder) / kept_file, note->aside / kept_file); !kept)
      return tl::unexpected(kept.error());
  firmware::sync(note->aside);
  if (completion)
    if (auto completed = completion(); !completed) return tl::unexpected(completed.error());
  std::error_code ignored;
  fs::remove_all(decided(folder), ignored);
  firmware::sync(folder.root);
  ::rmdir((note->aside / "firmware").c_str());  // made by whoever only looked
  const bool nothing_before = fs::is_empty(note->aside, ignored);
  if (nothing_before) fs::remove(note->aside, ignored);
  return nothing_before ? fs::path() : note->aside;
}

}  // namespace

Result<StateFolder> prepare(const StateFolder& folder) {
  discard(folder);
  const StateFolder fresh{preparing(folder)};
  if (auto made = fresh.create(); !made) return tl::unexpected(made.error());
  return fresh;
}

void discard(const StateFolder& folder) {
  std::error_code ignored;
  fs::remove_all(preparing(folder), ignored);
}

bool is_unfinished(const StateFolder& folder) {
  return is_there(decided(folder));
}

Result<void> require_finished(const StateFolder& folder) {
  if (!is_unfinished(folder)) return {};
  return failure(ErrorKind::conflict,
      fmt::format("a restore into {} was interrupted and must be finished first: 'drydock restore --finish'. Nothing "
                  "of what was there before is lost",
          folder.root.string()));
}

Result<fs::path> commit(const StateFolder& folder, const Completion& completion) {
  auto number = utc_milliseconds();
  while (is_there(folder.root / fmt::format("replaced-{}", number))) ++number;
  std::string note = fmt::format("replaced-{}\n", number);
  for (const auto* name : contents)
    if (is_there(preparing(folder) / name)) note += std::string(name) + "\n";
  if (completion) note += std::string(completion_mark) + "\n";
  if (auto written = firmware::write_file(note_of_aside(preparing(folder)), view_of(note)); !written)
    return tl::unexpected(written.error());
  firmware::sync(preparing(folder) / "firmware");
  firmware::sync(preparing(folder));
  if (auto renamed = rename_entry(preparing(folder), decided(folder)); !renamed) return tl::unexpected(renamed.error());
  firmware::sync(folder.root);
  bool put_back = false;
  auto done = resume(folder, completion, put_back);
  // Then nothing has been decided after all.
  if (!done && put_back && rename_entry(decided(folder), preparing(folder))) {
    discard(folder);
    return done;
  }
  if (!done) done.error().message += ". Mend that, then run 'drydock restore --finish'";
  return done;
}

bool needs_completion(const StateFolder& folder) {
  const auto note = read_note(folder);
  return note && std::find(note->arriving.begin(), note->arriving.end(), completion_mark) != note->arriving.end();
}

Result<fs::path> finish(const StateFolder& folder, const Completion& completion) {
  if (!is_unfinished(folder))
    return failure(ErrorKind::not_found, fmt::format("no restore into {} is unfinished", folder.root.string()));
  bool put_back = false;
  return resume(folder, completion, put_back);
}

}  // namespace drydock::state::state_replacement
