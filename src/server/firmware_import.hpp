// Puts firmware files into the library and takes them out: checks the file, stores file and row together.
#pragma once

#include "state/state_folder.hpp"
#include "firmware/library.hpp"

namespace drydock::server {

/// Parses and checks the file's bytes. Padding behind the module's end is left out of what will be sent.
struct ValidatedModule {
  firmware::LibraryModule module;
  Bytes content;
};
Result<ValidatedModule> validate_module(ByteView file, const std::string& file_name);

/// repaired: its row was there, and its file was not, or was damaged.
enum class Added { new_module, already_present, repaired };

/// The file first, then the row: a row never names a file that is not there. Errors are the person's to read.
Result<Added> add_to_library(store::Database& db, const state::StateFolder& folder, const ValidatedModule& validated);

/// By the beginning of its SHA-256 or its file name. ErrorKind::not_found; ErrorKind::conflict when several match.
Result<firmware::LibraryModule> find_in_library(store::Database& db, const std::string& name);

/// ErrorKind::conflict when an update that runs or the target firmware of a device has it.
Result<void> remove_from_library(
    store::Database& db, const state::StateFolder& folder, const firmware::LibraryModule& module);

}  // namespace drydock::server
