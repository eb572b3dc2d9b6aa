#include "server/firmware_import.hpp"

#include "base/clock.hpp"
#include "firmware/files.hpp"
#include "store/modules.hpp"
#include "store/updates.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::server {

Result<ValidatedModule> validate_module(ByteView file, const std::string& file_name) {
  const auto read = firmware::read_module_file(file);
  if (!read) return failure(read.error().kind, fmt::format("{}: {}", file_name, read.error().message));
  if (auto checked = firmware::check(*read); !checked)
    return failure(checked.error().kind, fmt::format("{}: {}", file_name, checked.error().message));
  const auto content = file.first(read->size);
  auto entry = firmware::make_library_module(*read, file_name, to_hex(crypto::sha256(content)));
  return ValidatedModule{std::move(entry), Bytes(content.begin(), content.end())};
}

Result<Added> add_to_library(store::Database& db, const state::StateFolder& folder, const ValidatedModule& validated) {
  const firmware::ModuleFiles files(folder.firmware());
  const auto written = files.save(validated.module.sha256, validated.content);
  if (!written) return tl::unexpected(written.error());
  try {
    const bool is_new = store::add_module(db, validated.module, utc_milliseconds());
    store::save_module_file(db, validated.module.sha256, validated.content);
    if (is_new) return Added::new_module;
    return *written ? Added::repaired : Added::already_present;
  } catch (const std::exception& e) {
    return failure(ErrorKind::storage, e.what());
  }
}

Result<firmware::LibraryModule> find_in_library(store::Database& db, const std::string& name) {
  const auto library = store::load_library(db);
  std::vector<const firmware::LibraryModule*> found;
  for (const auto* module : library.all())
    if (module->file_name == name || (name.size() >= 4 && module->sha256.starts_with(name))) found.push_back(module);
  if (found.empty())
    return failure(
        ErrorKind::not_found, fmt::format("no firmware file '{}' in the library: see 'drydock firmware list'", name));
  if (found.size() > 1)
    return failure(ErrorKind::conflict,
        fmt::format("'{}' stands for {} files: give the beginning of the SHA-256 that 'drydock firmware list' shows",
            name, found.size()));
  return *found.front();
}

Result<void> remove_from_library(
    store::Database& db, const state::StateFolder& folder, const firmware::LibraryModule& module) {
  try {
    if (store::is_needed(db, module.sha256))
      return failure(ErrorKind::conflict,
          fmt::format(
              "{} is needed: an update that runs, a device's target firmware or a release has it, or a rollout may go "
              "back to it ('drydock devices list' shows what runs, 'devices target --clear' takes targets back, "
              "'releases list' shows releases)",
              module.file_name));
    store::remove_module(db, module.sha256);
  } catch (const std::exception& e) {
    return failure(ErrorKind::storage, e.what());
  }
  return firmware::ModuleFiles(folder.firmware()).remove(module.sha256);
}

}  // namespace drydock::server
