#include "server/commands.hpp"

#include "state/server_keys.hpp"
#include "server/admission.hpp"
#include "server/firmware_import.hpp"
#include "base/limits.hpp"
#include "firmware/platforms.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "server/policies.hpp"
#include "server/absent_state.hpp"
#include "base/clock.hpp"
#include "store/policies.hpp"
#include "store/groups.hpp"
#include "store/access.hpp"
#include "store/changes.hpp"
#include "store/device_list.hpp"
#include "store/history.hpp"
#include "store/updates.hpp"

#include <fmt/core.h>

namespace drydock::server::commands {
namespace {

constexpr std::size_t longest_name = 64;
constexpr const char* paused_key = "paused";
constexpr std::size_t shortest_fingerprint = 8;

std::string without_blanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

// Enough to see which were meant.
std::string first_names(const std::vector<store::DeviceRow>& rows) {
  constexpr std::size_t shown = 5;
  std::string names;
  for (std::size_t i = 0; i < std::min(rows.size(), shown); ++i)
    names += (i == 0 ? "" : ", ") + (rows[i].name.empty() ? rows[i].id : rows[i].name);
  return rows.size() > shown ? names + ", …" : names;
}

// What a person decided about a device: it stands in its history, and where it stands is another now.
void decided(store::Database& db, const std::string& device_id, const std::string& words) {
  if (!store::load_device(db, device_id)) return;
  store::append_history(db, {utc_milliseconds(), device_id, "decided", words});
  restate_absent(db, device_id);
}

}  // namespace

Result<store::DeviceRow> find_device(store::Database& db, const std::string& name, ByBeginning names) {
  constexpr int most = 100;
  auto found = store::find_devices(db, name, most);
  // A name that is all of it is meant, though ids begin like that.
  const auto named = std::find_if(found.begin(), found.end(), [&](const auto& row) { return row.name == name; });
  if (found.size() > 1 && named != found.end()) return std::move(*named);
  if (found.empty() && names != ByBeginning::no)
    found = store::find_devices_by_beginning(db, name, most, names == ByBeginning::yes);
  if (found.empty() && names == ByBeginning::other_letters)
    if (const auto begun = store::find_devices_by_beginning(db, name, most, true); begun.size() == 1)
      return failure(ErrorKind::not_found,
          fmt::format("no device '{}'; {} begins so: a script has to give the whole name", name, first_names(begun)));
  if (found.empty())
    return failure(ErrorKind::not_found, fmt::format("no device '{}': see 'drydock devices list'", name));
  if (found.size() > 1)
    return failure(ErrorKind::conflict,
        fmt::format("'{}' stands for {}{} devices ({}): give more of the name or the id", name, found.size(),
            found.size() == static_cast<std::size_t>(most) ? " or more" : "", first_names(found)));
  return std::move(found.front());
}

Result<void> approve(store::Database& db, const std::string& device_id, const std::string& new_key) {
  const auto row = store::load_device(db, device_id);
  // Whichever of the two keys came first is not the right one for that.
  if (new_key.empty() && row && row->approval == "pending" && !row->changed_key.empty())
    return failure(ErrorKind::conflict,
        fmt::format("another key came for {}: compare the two first, as 'drydock devices show {}' prints them",
            row->name.empty() ? device_id : row->name, device_id));
  if (!new_key.empty()) {
    if (!row || row->changed_key.empty())
      return failure(ErrorKind::not_found, device_id + " has not come with another key");
    const auto known = without_blanks(state::fingerprint(row->changed_key));
    const auto given = without_blanks(new_key);
    if (given.size() < shortest_fingerprint)
      return failure(ErrorKind::malformed,
          fmt::format("give {} digits or more of the new key's fingerprint, as 'drydock devices show {}' prints it",
              shortest_fingerprint, device_id));
    if (!known.starts_with(given))
      return failure(ErrorKind::conflict,
          fmt::format("{} came with another key than this: its fingerprint is {}", device_id,
              state::fingerprint(row->changed_key)));
    store::accept_changed_key(db, device_id);
  }
  store::set_approval(db, device_id, "approved");
  store::apply_group_rules(db, device_id);
  decided(db, device_id, new_key.empty() ? "approved" : "approved with its new key, which is trusted from now on");
  return {};
}

void keep_key(store::Database& db, const std::string& device_id) {
  store::dismiss_changed_key(db, device_id);
  decided(db, device_id, "the key on file stays; the other one is not trusted");
}

void refuse(store::Database& db, const std::string& device_id) {
  store::set_approval(db, device_id, "refused");
  decided(db, device_id, "refused");
}
void retry(store::Database& db, const std::string& device_id) {
  store::allow_again(db, device_id);
  decided(db, device_id, "told to try again");
}
void hold(store::Database& db, const std::string& device_id, bool held) {
  store::set_held(db, device_id, held);
  decided(db, device_id, held ? "updates paused" : "updated again");
}
void forget(store::Database& db, const std::string& device_id) {
  store::forget_device(db, device_id);
}
Result<void> rename(store::Database& db, const std::string& device_id, const std::string& name) {
  if (name.size() > longest_name)
    return failure(ErrorKind::malformed, fmt::format("a name has at most {} bytes", longest_name));
  if (log::printable(name) != name) return failure(ErrorKind::malformed, "a name has no control characters");
  if (transport::DeviceId::parse(name))
    return failure(ErrorKind::malformed, "this looks like a device's id, and would be taken for one");
  if (const auto other = store::find_device_named(db, name); !name.empty() && other && *other != device_id)
    return failure(ErrorKind::conflict, fmt::format("device {} is called '{}'", *other, name));
  store::set_name(db, device_id, name);
  store::apply_group_rules(db, device_id);
  decided(db, device_id, name.empty() ? "has no name any more" : fmt::format("named '{}'", name));
  return {};
}

Result<void> set_group(store::Database& db, const std::string& device_id, const std::string& group) {
  if (!group.empty())
    if (const auto right = check_group_name(group); !right) return right;
  store::set_group(db, device_id, group);
  decided(db, device_id, group.empty() ? "in no group any more" : fmt::format("put into group '{}'", group));
  return {};
}

void annotate(store::Database& db, const std::string& device_id, const std::string& notes) {
  store::set_notes(db, device_id, shorten(notes, limits::notes));
}

Result<void> register_key(store::Database& db, const std::string& device_id, const Bytes& key, std::int64_t utc_now) {
  if (!transport::DeviceId::parse(device_id))
    return failure(ErrorKind::malformed, "a device's id has 24 hexadecimal digits");
  if (!is_device_key(key))
    return failure(ErrorKind::malformed, "a device has an RSA key of 1024 bits or an EC key on P-256");
  const auto known = store::load_device(db, device_id);
  if (known && known->approval == "refused")
    return failure(ErrorKind::refused, "this device was refused by a person: approve it on the page first");
  if (known) {
    store::set_public_key(db, device_id, key);
    store::set_approval(db, device_id, "approved");
    store::apply_group_rules(db, device_id);
    decided(db, device_id, "approved: its key was put on file");
    return {};
  }
  store::DeviceRow row;
  row.id = device_id;
  row.approval = "approved";
  row.public_key = key;
  row.first_seen = utc_now;
  row.platform = firmware::unknown_platform;
  row.state_words = "its key is on file; it has not come yet";
  store::add_device(db, row);
  store::apply_group_rules(db, device_id);
  store::note_change(db, device_id);
  return {};
}

int forget_pending(store::Database& db) {
  return store::forget_pending_devices(db);
}
void force(store::Database& db, const std::string& device_id, bool forced) {
  store::set_forced(db, device_id, forced);
  decided(db, device_id,
      forced ? "to take its next update though its application disabled updates" : "its application is asked again");
}

Result<firmware::LibraryModule> add_target(
    store::Database& db, const store::DeviceRow& device, const std::string& name) {
  auto module = find_in_library(db, name);
  if (!module) return module;
  if (module->platform != device.platform)
    return failure(ErrorKind::conflict,
        fmt::format("{} is for a {}, this device is a {}", module->file_name, firmware::platform_name(module->platform),
            firmware::platform_name(device.platform)));
  for (const auto& target : planning::targets_of(*module)) store::save_target(db, device.id, target);
  decided(db, device.id, fmt::format("target firmware: {}", module->title()));
  return module;
}

void clear_targets(store::Database& db, const std::string& device_id) {
  if (store::load_own_targets(db, device_id).empty()) return;
  store::clear_targets(db, device_id);
  decided(db, device_id, "no target firmware of its own any more");
}

Result<void> set_targets(store::Database& db, const store::DeviceRow& device, const std::vector<std::string>& modules) {
  if (modules.empty()) commands::clear_targets(db, device.id);
  const auto before = store::load_own_targets(db, device.id);
  store::clear_targets(db, device.id);
  // Those that it has are kept, also when their files have gone from the library meanwhile; new ones lie over them.
  std::vector<std::string> new_ones = modules;
  for (const auto& target : before)
    if (std::find(modules.begin(), modules.end(), target.sha256) != modules.end()) {
      store::save_target(db, device.id, target);
      std::erase(new_ones, target.sha256);
    }
  const auto kept = store::load_own_targets(db, device.id).size();
  for (const auto& module : new_ones)
    if (const auto added = add_target(db, device, module); !added) return tl::unexpected(added.error());
  if (new_ones.empty() && kept < before.size()) decided(db, device.id, "less target firmware of its own than before");
  return {};
}

Result<void> replace(store::Database& db, const store::DeviceRow& old, const std::string& by) {
  auto row = find_device(db, by);
  if (!row) return tl::unexpected(row.error());
  if (row->id == old.id) return failure(ErrorKind::conflict, "a device cannot take its own place");
  if (row->approval == "refused")
    return failure(ErrorKind::refused, "this device was refused by a person: approve it first");
  if (!row->changed_key.empty())
    return failure(ErrorKind::conflict, "another key came for this device: compare the two first");
  const auto labels = store::load_labels(db, old.id);
  const auto targets = store::load_own_targets(db, old.id);
  auto rule = store::load_policy(db, store::PolicyScope::device, old.id);
  (void)store::forget_device(db, old.id);
  store::set_approval(db, row->id, "approved");
  store::set_name(db, row->id, old.name);
  store::set_group(db, row->id, old.group);
  store::set_notes(db, row->id, old.notes);
  store::set_held(db, row->id, old.held);
  for (const auto& label : labels) store::add_label(db, row->id, label);
  const bool same_platform = row->platform == old.platform;
  if (same_platform)
    for (const auto& target : targets) store::save_target(db, row->id, target);
  if (rule) {
    rule->subject = row->id;
    store::save_policy(db, *rule);
  }
  decided(db, row->id,
      fmt::format("takes the place of {}{}, which was deleted", old.name.empty() ? old.id : old.name,
          old.name.empty() ? "" : fmt::format(" ({})", old.id)));
  return {};
}

void pause(store::Database& db, bool paused) {
  if (paused)
    store::save_setting(db, paused_key, "1");
  else
    store::remove_setting(db, paused_key);
  store::note_change(db, store::subject::settings);
}

void update_all(store::Database& db) {
  pause(db, false);
  store::allow_all_again(db);
}

bool is_paused(store::Database& db) {
  return store::load_setting(db, paused_key).has_value();
}

}  // namespace drydock::server::commands
