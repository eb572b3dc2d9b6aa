// A firmware module file: what its prefix and suffix say (PROTOCOL §6). Pure: bytes in, facts out.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/hash.hpp"
#include "firmware/platforms.hpp"

#include <compare>

namespace drydock::firmware {

/// Which slot of a device a module goes to.
struct ModuleKey {
  Function function = Function::none;
  std::uint8_t index = 0;
  auto operator<=>(const ModuleKey&) const = default;
  std::string name() const { return module_name(function, index); }
};

/// "(function, index) must be installed at `version` or above" (PROTOCOL §6.8).
struct Dependency {
  ModuleKey key;
  std::uint16_t version = 0;
  auto operator<=>(const Dependency&) const = default;
  bool exists() const { return key.function != Function::none; }
};

/// The prefix's flag bits (PROTOCOL §6.2).
namespace flag {
inline constexpr std::uint8_t drop_module_info = 0x01;
inline constexpr std::uint8_t compressed = 0x02;
inline constexpr std::uint8_t combined = 0x04;
inline constexpr std::uint8_t encrypted = 0x08;
inline constexpr std::uint8_t prefix_extensions = 0x10;
inline constexpr std::uint8_t known = 0x1f;
}  // namespace flag

/// One extension of the prefix or the suffix (PROTOCOL §6.4).
struct Extension {
  std::uint16_t type = 0;
  std::uint32_t offset = 0;  ///< in the file
  Bytes body;                ///< without the 4-byte header
  bool operator==(const Extension&) const = default;
};

struct Prefix {
  std::uint32_t offset = 0;  ///< in the file: 0, or behind a vector table
  std::uint32_t start_address = 0;
  std::uint32_t end_address = 0;  ///< exclusive; the CRC is stored at it
  std::uint8_t reserved = 0;
  std::uint8_t flags = 0;
  std::uint16_t version = 0;
  std::uint16_t platform = 0;
  ModuleKey key;
  Dependency dependency1;
  Dependency dependency2;
  std::vector<Extension> extensions;
  std::uint32_t module_size() const { return end_address - start_address + 4; }  ///< with the CRC
};

struct Suffix {
  std::uint16_t size = 0;  ///< 36 and up; 0xffff in some old bootloaders
  std::uint16_t reserved = 0;
  Bytes sha256;  ///< 32 bytes: the "application hash" of a Describe; not always right
  std::optional<std::uint32_t> product_id;
  std::optional<std::uint16_t> product_version;
  std::vector<Extension> extensions;
};

struct Module {
  Prefix prefix;
  Suffix suffix;
  std::uint32_t stored_crc = 0;
  std::uint32_t actual_crc = 0;
  bool crc_ok() const { return stored_crc == actual_crc; }
  bool sha256_ok = false;   ///< of the suffix; informative only (PROTOCOL §6.3)
  std::size_t padding = 0;  ///< bytes of the file behind the module's end

  ModuleKey key() const { return prefix.key; }
  std::uint16_t version() const { return prefix.version; }
  /// The prefix's dependencies that exist, in order. By the device's rule there is no second without a first.
  std::vector<Dependency> dependencies() const;
};

/// A file that an application needs beside itself: known by the hash of its content and its name (Device OS 5.5 and
/// later; PROTOCOL §6.4).
struct Asset {
  std::string name;
  std::string sha256;  ///< of the content, lower-case hex
  auto operator<=>(const Asset&) const = default;
};

/// The asset that an asset module brings; nothing when it does not say name and hash.
std::optional<Asset> asset_in(const Module& module);
/// The assets that an application says to need, at most limits::assets_per_application.
std::vector<Asset> assets_needed_by(const Module& module);

/// Finds the prefix, then the suffix. ErrorKind::malformed, in words, for an empty or cut file and for one without a
/// plausible prefix. A wrong CRC is not an error here: see check().
Result<Module> parse_module(ByteView file);

/// Whether the module may be offered to devices (PROTOCOL §6.9), or why not, in words.
Result<void> check(const Module& module);

}  // namespace drydock::firmware
