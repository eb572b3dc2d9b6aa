// The stock: which modules there are to send. In memory, rebuilt from the store; the files lie beside it (files.hpp).
#pragma once

#include "firmware/module.hpp"

#include <map>

namespace drydock::firmware {

/// One module on the shelf: the facts that planning and sending need.
struct StockedModule {
  std::string sha256;             ///< of the file's bytes as sent, lower-case hex; also its name in the state folder
  std::string file_name;          ///< as the person knew it
  std::uint32_t size = 0;         ///< bytes as sent
  std::uint16_t platform = 0;
  ModuleKey key;
  std::uint16_t version = 0;
  std::uint8_t flags = 0;
  std::vector<Dependency> dependencies;  ///< in the file's order
  std::string suffix_sha256;      ///< lower-case hex: a user part is recognised in a Describe by it
  std::optional<std::uint32_t> product_id;
  std::optional<std::uint16_t> product_version;
  bool operator==(const StockedModule&) const = default;

  std::string title() const;      ///< "system part 1 version 3"
};

/// From a parsed file; `padding` bytes are left out of what is sent.
StockedModule make_stocked(const Module& module, std::string file_name, std::string file_sha256, std::size_t size);

class Catalogue {
public:
  /// Replaces a module of the same sha256.
  void add(StockedModule module);
  bool remove(const std::string& sha256);

  const StockedModule* find(const std::string& sha256) const;
  /// Modules for one slot of one platform at `version` or above, lowest version first.
  std::vector<const StockedModule*> candidates(std::uint16_t platform, ModuleKey key, std::uint16_t version) const;
  /// By platform, function, index, version.
  std::vector<const StockedModule*> all() const;
  std::size_t size() const { return modules_.size(); }

private:
  std::map<std::string, StockedModule> modules_;
};

}  // namespace drydock::firmware
