// A module file as people bring it and devices take it: one module or two combined, each perhaps compressed (PROTOCOL
// §6.5, §6.6). Pure: bytes in, facts out.
#pragma once

#include "firmware/module.hpp"

namespace drydock::firmware {

struct Member {
  Module module;                   ///< as it is in the file
  std::optional<Module> original;  ///< what the device unpacks, when it is compressed
  std::string asset_sha256;        ///< of an asset's content, as it is; empty for other modules
  /// What the device will report once it is installed.
  const Module& installed() const { return original ? *original : module; }
};

struct ModuleFile {
  std::vector<Member> members;  ///< one, or two combined
  std::size_t size = 0;         ///< bytes to send: without the padding some files have
  bool more_behind = false;     ///< what looks like padding is another module, which no device would install
};

/// ErrorKind::malformed, in words, when a module, its second half or what is packed in it cannot be read. A wrong CRC
/// is not an error here: see check().
Result<ModuleFile> read_module_file(ByteView file);

/// Whether the file may be offered to devices (PROTOCOL §6.9), or why not, in words.
Result<void> check(const ModuleFile& file);

}  // namespace drydock::firmware
