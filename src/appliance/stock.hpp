// Puts firmware files on the shelf and takes them off: file, row and verdict together.
#pragma once

#include "appliance/state_folder.hpp"
#include "firmware/catalogue.hpp"

namespace drydock::appliance {

/// Parses and checks the file's bytes. Padding behind the module's end is left out of what will be sent.
struct Appraised {
  firmware::StockedModule module;
  Bytes content;
};
Result<Appraised> appraise(ByteView file, const std::string& file_name);

enum class Added { new_module, known_already };

/// The file first, then the row: a row never names a file that is not there. Errors are the person's to read.
Result<Added> add_to_stock(store::Database& db, const StateFolder& folder, const Appraised& appraised);

/// By the beginning of its SHA-256 or its file name. Kind::not_found; Kind::conflict when several match.
Result<firmware::StockedModule> find_in_stock(store::Database& db, const std::string& name);

Result<void> remove_from_stock(store::Database& db, const StateFolder& folder, const firmware::StockedModule& module);

}  // namespace drydock::appliance
