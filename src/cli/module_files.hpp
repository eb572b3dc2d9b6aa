// Module files that a person names: files, folders, and zip archives with such in them.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "cli/commands.hpp"
#include "firmware/library.hpp"
#include "store/database.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace drydock::cli {

struct NamedFile {
  std::string name;  ///< without its folder
  Result<Bytes> content;
};

/// Folders stand for the .bin files in them; archives for those at any depth. Read as the person who runs the command.
/// Files that cannot be read, or are larger than any module, carry why.
std::vector<NamedFile> read_module_files(const std::vector<std::filesystem::path>& files);

/// Folders stand for the .bin files in them; all others for themselves.
std::vector<std::filesystem::path> expand(const std::vector<std::filesystem::path>& files);

/// Into the library, with a line for each. ErrorKind::malformed when one could not be added, which has had its line.
Result<std::vector<firmware::LibraryModule>> add_files(
    const Context& context, store::Database& db, const std::vector<std::filesystem::path>& files);

}  // namespace drydock::cli
