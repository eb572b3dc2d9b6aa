#include "cli/find_device.hpp"

#include <unistd.h>

namespace drydock::cli {

Result<store::DeviceRow> find_device(store::Database& db, const std::string& name) {
  using server::commands::ByBeginning;
  const bool person = ::isatty(STDIN_FILENO) != 0;
  return server::commands::find_device(db, name, person ? ByBeginning::yes : ByBeginning::other_letters);
}

Result<std::vector<std::string>> ids_of(store::Database& db, const std::vector<std::string>& names) {
  std::vector<std::string> ids;
  for (const auto& name : names) {
    const auto row = find_device(db, name);
    if (!row) return tl::unexpected(row.error());
    ids.push_back(row->id);
  }
  return ids;
}

}  // namespace drydock::cli
