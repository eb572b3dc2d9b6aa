// The library: which modules there are to send. In memory, rebuilt from the store; the files lie beside it (files.hpp).
#pragma once

#include "firmware/module_file.hpp"

#include <map>
#include <memory>

namespace drydock::firmware {

/// What planning needs to know of a module.
struct ModuleInfo {
  ModuleKey key;
  std::uint16_t version = 0;
  std::vector<Dependency> dependencies;  ///< in the file's order
  std::string suffix_sha256;             ///< lower-case hex, once installed
  bool operator==(const ModuleInfo&) const = default;
};

/// One module file of the library: the facts that planning and sending need.
struct LibraryModule {
  std::string sha256;      ///< of the file's bytes as sent, lower-case hex; also its name in the state folder
  std::string file_name;   ///< as the person knew it
  std::uint32_t size = 0;  ///< bytes as sent
  std::uint16_t platform = 0;
  ModuleKey key;
  std::uint16_t version = 0;
  std::uint8_t flags = 0;
  std::vector<Dependency> dependencies;  ///< in the file's order
  std::string suffix_sha256;             ///< lower-case hex, once installed: a user part is recognised in a Describe by
                                         ///< it; of an asset, of its content
  std::optional<std::uint32_t> product_id;
  std::optional<std::uint16_t> product_version;
  std::optional<ModuleInfo> second_module;  ///< the second module of a combined file
  std::optional<Asset> asset;               ///< what an asset module brings
  std::vector<Asset> required_assets;       ///< of the application in it
  bool unlike_release = false;              ///< what Particle released as this version needs something else
  bool operator==(const LibraryModule&) const = default;

  /// What a device gets with this file, in the order in which it installs it.
  std::vector<ModuleInfo> members() const;
  /// The version it brings to this slot, if it brings any.
  std::optional<std::uint16_t> version_of(ModuleKey key) const;
  bool needs_later_self() const;  ///< which is never met, once it is installed
  std::string title() const;      ///< "system part 1 version 3", "… with application version 6"
};

/// `file_sha256`: of the bytes as sent.
LibraryModule make_library_module(const ModuleFile& file, std::string file_name, std::string file_sha256);

class Library {
public:
  /// Replaces a module of the same sha256.
  void add(LibraryModule module);
  bool remove(const std::string& sha256);

  const LibraryModule* find(const std::string& sha256) const;
  /// Files for one slot of one platform at `version` or above: lowest version first, then those that say what
  /// Particle's own say, then those that bring nothing else, then the smallest. Pointers live as long as the module is
  /// in some copy of the library.
  std::vector<const LibraryModule*> candidates(std::uint16_t platform, ModuleKey key, std::uint16_t version) const;
  /// The file that brings this asset to a device of the platform; nothing when there is none.
  const LibraryModule* find_asset(std::uint16_t platform, const Asset& asset) const;
  /// By platform, function, index, version.
  std::vector<const LibraryModule*> all() const;
  std::size_t size() const { return modules_.size(); }

private:
  using Modules = std::vector<std::shared_ptr<const LibraryModule>>;
  std::map<std::string, std::shared_ptr<const LibraryModule>> modules_;
  std::map<std::pair<std::uint16_t, ModuleKey>, Modules> by_slot_;  // in the order of candidates()
};

}  // namespace drydock::firmware
