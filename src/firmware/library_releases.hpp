// Which releases of Device OS the library has files of, and what of each it lacks.
#pragma once

#include "firmware/library.hpp"
#include "firmware/releases.hpp"

namespace drydock::firmware {

struct LibraryRelease {
  std::uint16_t platform = 0;
  ReleaseNumber number;
  std::vector<const LibraryModule*> files;                   ///< of this release; one may be of several
  std::vector<std::pair<ModuleKey, std::uint16_t>> missing;  ///< slots and their versions
};

/// Those of which a system part is there, by platform, the newest first.
std::vector<LibraryRelease> releases_in(const Library& library);

/// How the file's name begins on the releases page of Device OS: "photon-system-part1@3.3.1", and before 1.0.0
/// "system-part1-0.9.0-boron". Empty for other modules than bootloaders and system parts, and for a platform without a
/// name. Source: the files of the releases v0.5.4, v0.9.0, v1.2.1, v3.3.1 and v5.6.0 on GitHub.
std::string release_file(std::uint16_t platform, ModuleKey key, ReleaseNumber number);

}  // namespace drydock::firmware
