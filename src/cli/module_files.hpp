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

struct ModuleFiles {
  std::vector<NamedFile> files;
  std::vector<std::string> passed_over;  ///< in folders and archives, since they are no .bin files
};

/// Folders and archives stand for the .bin files in them, at any depth. Read as the person who runs the command. Files
/// that cannot be read, or are larger than any module, carry why.
ModuleFiles read_module_files(const std::vector<std::filesystem::path>& files);

struct Expanded {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> passed_over;
};
/// Folders stand for the .bin files in them, at any depth; all others for themselves.
Expanded expand(const std::vector<std::filesystem::path>& files);

/// Into the library, with a line for each. ErrorKind::malformed when one could not be added, which has had its line.
Result<std::vector<firmware::LibraryModule>> add_files(
    const Context& context, store::Database& db, const std::vector<std::filesystem::path>& files);

}  // namespace drydock::cli
