// Assets as a device sees them (PROTOCOL §6.4, §6.5), and the making of asset modules for tests: written without the
// server's parser.
#pragma once

#include "base/bytes.hpp"

#include <compare>
#include <optional>
#include <string>
#include <vector>

namespace drydock::virtual_device {

struct AssetName {
  std::string name;
  Bytes hash;  ///< SHA-256 of the content
  auto operator<=>(const AssetName&) const = default;
};

/// What is in an asset module: nothing when it is none, or damaged, or its content has another hash than it says.
std::optional<AssetName> read_asset(ByteView image);

/// The assets that a user part says to need.
std::vector<AssetName> required_assets(ByteView image);

/// A module for this content, compressed as particle-cli makes it.
Bytes make_asset(const std::string& name, ByteView content);
AssetName name_of_asset(const std::string& name, ByteView content);

/// The same application, needing these assets.
Bytes with_required_assets(Bytes user_part, const std::vector<AssetName>& assets);

}  // namespace drydock::virtual_device
