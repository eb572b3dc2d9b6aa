#include "cli/find_device.hpp"

#include "firmware/platforms.hpp"
#include "store/devices.hpp"

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

Result<void> check_selection(const DeviceSelection& selection) {
  const auto ways = !selection.names.empty() + !selection.group.empty() + !selection.platform.empty() + selection.all;
  if (ways != 1)
    return failure(ErrorKind::malformed,
        fmt::format("say which devices{}: by name, --group, --platform, or --all", ways == 0 ? "" : " in one way"));
  for (const auto& name : selection.names)
    if (name.empty()) return failure(ErrorKind::malformed, "a device's name is empty");
  if (!selection.platform.empty() && firmware::find_platform(selection.platform) == nullptr)
    return failure(ErrorKind::not_found, fmt::format("there is no platform '{}'", selection.platform));
  return {};
}

std::string nobody_is(const DeviceSelection& selection) {
  if (!selection.group.empty()) return fmt::format("no device is in group '{}'", selection.group);
  if (!selection.platform.empty()) return fmt::format("there is no {}", selection.platform);
  return "there is no device";
}

Result<std::vector<store::DeviceRow>> select_devices(store::Database& db, const DeviceSelection& selection) {
  if (const auto right = check_selection(selection); !right) return tl::unexpected(right.error());
  std::vector<store::DeviceRow> rows;
  for (const auto& name : selection.names) {
    auto row = find_device(db, name);
    if (!row) return tl::unexpected(row.error());
    rows.push_back(std::move(*row));
  }
  if (!selection.names.empty()) return rows;
  const auto* platform = selection.platform.empty() ? nullptr : firmware::find_platform(selection.platform);
  for (auto& row : store::load_devices(db))
    if (row.approval == "approved" && (selection.group.empty() || row.group == selection.group) &&
        (platform == nullptr || row.platform == platform->id))
      rows.push_back(std::move(row));
  if (rows.empty()) return failure(ErrorKind::not_found, nobody_is(selection));
  return rows;
}

}  // namespace drydock::cli
