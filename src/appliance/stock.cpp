#include "appliance/stock.hpp"

#include "base/clock.hpp"
#include "firmware/files.hpp"
#include "store/modules.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::appliance {

Result<Appraised> appraise(ByteView file, const std::string& file_name) {
  const auto read = firmware::read_module_file(file);
  if (!read) return failure(read.error().kind, fmt::format("{}: {}", file_name, read.error().message));
  if (auto checked = firmware::check(*read); !checked) return failure(checked.error().kind, fmt::format("{}: {}", file_name, checked.error().message));
  const auto content = file.first(read->size);
  auto stocked = firmware::make_stocked(*read, file_name, to_hex(crypto::sha256(content)));
  return Appraised{std::move(stocked), Bytes(content.begin(), content.end())};
}

Result<Added> add_to_stock(store::Database& db, const StateFolder& folder, const Appraised& appraised) {
  const firmware::ModuleFiles files(folder.firmware());
  if (auto saved = files.save(appraised.module.sha256, appraised.content); !saved) return tl::unexpected(saved.error());
  try {
    return store::add_module(db, appraised.module, utc_milliseconds()) ? Added::new_module : Added::known_already;
  } catch (const std::exception& e) {
    return failure(Kind::storage, e.what());
  }
}

Result<firmware::StockedModule> find_in_stock(store::Database& db, const std::string& name) {
  const auto catalogue = store::load_catalogue(db);
  std::vector<const firmware::StockedModule*> found;
  for (const auto* module : catalogue.all())
    if (module->file_name == name || (name.size() >= 4 && module->sha256.starts_with(name))) found.push_back(module);
  if (found.empty()) return failure(Kind::not_found, fmt::format("no firmware file '{}' in the catalogue: see 'drydock firmware list'", name));
  if (found.size() > 1) return failure(Kind::conflict, fmt::format("'{}' stands for {} files: give the beginning of the SHA-256 that 'drydock firmware list' shows", name, found.size()));
  return *found.front();
}

Result<void> remove_from_stock(store::Database& db, const StateFolder& folder, const firmware::StockedModule& module) {
  try {
    store::remove_module(db, module.sha256);
  } catch (const std::exception& e) {
    return failure(Kind::storage, e.what());
  }
  return firmware::ModuleFiles(folder.firmware()).remove(module.sha256);
}

}  // namespace drydock::appliance
