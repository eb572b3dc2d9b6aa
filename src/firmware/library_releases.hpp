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

/// The file of the releases page of Device OS that has all modules of a release: "photon@3.3.1.zip"; empty for a
/// platform without a name.
std::string release_asset(std::uint16_t platform, ReleaseNumber number);

}  // namespace drydock::firmware
