#include "appliance/commands.hpp"

#include "appliance/stock.hpp"
#include "store/access.hpp"
#include "store/updates.hpp"

#include <fmt/core.h>

namespace drydock::appliance::commands {
namespace {

constexpr std::size_t longest_name = 64;
constexpr const char* paused_key = "paused";

// Never in the middle of a UTF-8 sequence.
std::string cut(const std::string& text) {
  std::size_t end = std::min(text.size(), longest_name);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

Result<store::DeviceRow> find_device(store::Database& db, const std::string& name) {
  std::vector<store::DeviceRow> found;
  for (auto& row : store::load_devices(db))
    if (row.name == name || (name.size() >= 4 && row.id.starts_with(name))) found.push_back(std::move(row));
  if (found.empty()) return failure(Kind::not_found, fmt::format("no device '{}': see 'drydock devices list'", name));
  if (found.size() > 1) return failure(Kind::conflict, fmt::format("'{}' stands for {} devices: give more of the id", name, found.size()));
  return std::move(found.front());
}

Result<void> approve(store::Database& db, const std::string& device_id, Trust trust) {
  if (trust == Trust::new_key && !store::accept_changed_key(db, device_id)) return failure(Kind::not_found, device_id + " has not come with another key");
  store::set_approval(db, device_id, "approved");
  return {};
}

void refuse(store::Database& db, const std::string& device_id) { store::set_approval(db, device_id, "refused"); }
void retry(store::Database& db, const std::string& device_id) { store::clear_attempts(db, device_id); }
void hold(store::Database& db, const std::string& device_id, bool held) { store::set_held(db, device_id, held); }
void forget(store::Database& db, const std::string& device_id) { store::forget_device(db, device_id); }
void rename(store::Database& db, const std::string& device_id, const std::string& name) { store::set_name(db, device_id, cut(name)); }

Result<firmware::StockedModule> add_target(store::Database& db, const store::DeviceRow& device, const std::string& name) {
  auto module = find_in_stock(db, name);
  if (!module) return module;
  if (module->platform != device.platform)
    return failure(Kind::conflict, fmt::format("{} is for a {}, this device is a {}", module->file_name, firmware::platform_name(module->platform), firmware::platform_name(device.platform)));
  for (const auto& goal : planning::goals_of(*module)) store::save_goal(db, device.id, goal);
  return module;
}

void clear_targets(store::Database& db, const std::string& device_id) { store::clear_goals(db, device_id); }

void pause(store::Database& db, bool paused) {
  if (paused) store::save_setting(db, paused_key, "1");
  else store::remove_setting(db, paused_key);
}

bool is_paused(store::Database& db) { return store::load_setting(db, paused_key).has_value(); }

}  // namespace drydock::appliance::commands
