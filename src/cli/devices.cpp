#include "server/commands.hpp"
#include "state/server_keys.hpp"
#include "base/clock.hpp"
#include "server/as_json.hpp"
#include "server/policies.hpp"
#include "cli/confirm.hpp"
#include "cli/find_device.hpp"
#include "cli/open_store.hpp"
#include "server/state_words.hpp"
#include "cli/table.hpp"
#include "firmware/releases.hpp"
#include "store/device_list.hpp"
#include "store/dtls_sessions.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace drydock::cli {
namespace {

namespace commands = server::commands;

constexpr int devices_at_once = 500;

// Applies `change` to each device chosen and tells the running service.
template <class Change>
int change_each(const Context& context, const DeviceSelection& selection, Change change) {
  auto db = open_to_write(context);
  const auto rows = select_devices(db, selection);
  if (!rows) return print_error(rows.error().message);
  int status = 0;
  for (const auto& row : *rows) status = std::max(status, change(db, row));
  folder_of(context).touch_changed();
  return status;
}
template <class Change>
int change_each(const Context& context, const std::vector<std::string>& names, Change change) {
  return change_each(context, DeviceSelection{names, "", "", false}, std::move(change));
}

std::string title_of(const store::DeviceRow& row) {
  return row.name.empty() ? row.id : fmt::format("{} ({})", log::printable(row.name), row.id);
}

// A device with a session is there as long as it answers: one on a cellular network may be silent for 23 minutes.
std::string seen(const store::DeviceRow& row, bool session_known, std::int64_t now) {
  if (row.approval == "pending") return "came " + ago(row.first_seen, now);  // nothing more is written down about it
  if (row.connected) return "connected";
  return (session_known ? "session known, heard " : "") + ago(row.last_seen, now);
}
std::string seen_at_length(store::Database& db, const store::DeviceRow& row, std::int64_t now) {
  if (row.approval == "pending") return "came " + ago(row.first_seen, now);
  if (row.connected) return "connected";
  return (store::has_dtls_session(db, row.id) ? "session known, last heard " : "last seen ") + ago(row.last_seen, now);
}

}  // namespace

int devices_list(const Context& context, const DeviceFilter& which) {
  auto db = open_to_read(context);
  store::DeviceQuery query;
  query.order = store::DeviceOrder::first_seen;
  query.state = which.state;
  query.search = which.search;
  query.group = which.group;
  query.label = which.label;
  if (!query.search.empty()) {
    query.platforms_of_search = firmware::platforms_like(query.search);
    query.versions_of_search = firmware::versions_like(query.search);
  }
  query.limit = devices_at_once;
  const auto now = utc_milliseconds();
  query.away_before = store::away_before(context.configuration.away_days, now);
  const bool running = state::ServiceLock::is_taken(folder_of(context));
  std::vector<store::DeviceRow> rows;
  std::vector<std::vector<std::string>> lines{{"DEVICE", "NAME", "GROUP", "PLATFORM", "SEEN", "STATE"}};
  do {
    auto page = store::list_devices(db, query);
    if (!page) return print_error(page.error().message);
    for (auto& device : page->devices) {
      auto& row = device.row;
      row.connected = row.connected && running;
      if (!context.json)
        lines.push_back({row.id, row.name.empty() ? "–" : row.name, row.group.empty() ? "–" : row.group,
            firmware::platform_name(row.platform), seen(row, device.session_known, now),
            server::state_in_words(row, query.away_before)});
      else
        rows.push_back(std::move(row));
    }
    query.after = page->next;
  } while (!query.after.empty());
  if (context.json) {
    fmt::print("{}\n", server::devices_as_json(rows, query.away_before));
    return 0;
  }
  if (lines.size() == 1) {
    fmt::print("{}\n",
        query.state.empty() && query.search.empty() && query.group.empty() && query.label.empty()
            ? "No device has connected yet. 'drydock keys export' says how to point one here."
            : "No device is like that.");
    return 0;
  }
  fmt::print("{}", table(lines));
  return 0;
}

int devices_show(const Context& context, const std::string& name) {
  auto db = open_to_read(context);
  auto row = commands::find_device(db, name, commands::ByBeginning::yes);
  if (!row) return print_error(row.error().message);
  constexpr int recent = 20;
  const auto away_before = store::away_before(context.configuration.away_days, utc_milliseconds());
  row->connected = row->connected && state::ServiceLock::is_taken(folder_of(context));
  const server::DeviceDetails d{*row, store::load_modules(db, row->id), store::load_update_policy(db, row->id),
      store::load_labels(db, row->id), store::recent_steps(db, row->id, recent),
      store::recent_history(db, row->id, recent)};
  if (context.json) {
    fmt::print("{}\n", server::device_as_json(d, away_before));
    return 0;
  }
  fmt::print("{}\n", log::printable(fmt::format("{}, {}", title_of(*row), firmware::platform_name(row->platform))));
  fmt::print(
      "  {}{}\n", log::printable(server::state_in_words(*row, away_before)), row->safe_mode ? "; in safe mode" : "");
  fmt::print("  {} from {}; first seen {}\n", seen_at_length(db, *row, utc_milliseconds()), row->address,
      local_time(row->first_seen));
  if (!row->group.empty()) fmt::print("  in group '{}'\n", log::printable(row->group));
  if (!d.labels.empty()) fmt::print("  labels: {}\n", log::printable(fmt::format("{}", fmt::join(d.labels, ", "))));
  fmt::print("  key {}\n", state::fingerprint(row->public_key));
  if (!row->changed_key.empty())
    fmt::print(
        "  REFUSED: came {} with another key, {}. If its keys were renewed on purpose: drydock devices approve {} "
        "--new-key {}\n",
        local_time(row->changed_key_seen), state::fingerprint(row->changed_key), row->id,
        state::short_fingerprint(row->changed_key));
  std::vector<std::vector<std::string>> modules{{"MODULE", "VERSION", "CHECKS"}};
  for (const auto& m : d.modules) {
    const auto failed = firmware::validity::failed_words(m.checked, m.passed);
    modules.push_back({m.key.name() + (m.store == firmware::StoreLocation::main ? "" : " (other store)"),
        firmware::version_text(row->platform, m.key, m.version), failed.empty() ? "passed" : "failed: " + failed});
  }
  fmt::print("\n{}", table(modules));
  for (const auto& target : d.policy.targets.targets)
    fmt::print("wanted: {}\n", firmware::module_title(row->platform, target.key, target.version));
  if (const auto& standing = d.policy.targets.standing)
    fmt::print("wanted: {}, by the rule for {} ('drydock targets show {}')\n",
        log::printable(planning::target_words(*standing)), log::printable(standing->rule), row->id);
  if (!d.steps.empty()) {
    std::vector<std::vector<std::string>> steps{{"STEP", "FILE", "STATE", "BYTES", "WHY"}};
    for (const auto& s : d.steps)
      steps.push_back({fmt::format("{} version {}", s.key.name(), s.version), s.sha256.substr(0, 8), s.state,
          fmt::format("{}/{}", s.bytes_acknowledged, s.bytes_total), s.error.empty() ? s.reason : s.error});
    fmt::print("\n{}", table(steps));
  }
  fmt::print("\n");
  for (const auto& h : d.history) fmt::print("{}  {}\n", local_time(h.at), log::printable(h.words));
  return 0;
}

int devices_approve(const Context& context, const std::vector<std::string>& devices, const Approval& how) {
  return change_each(context, devices, [&](store::Database& db, const store::DeviceRow& row) {
    const auto approved = commands::approve(db, row.id, how.new_key);
    if (!approved) return print_error(approved.error().message);
    if (how.new_key.empty() && !row.changed_key.empty())
      fmt::print("Mind: another key claims this id too, {}. The key that is trusted is {}\n",
          state::fingerprint(row.changed_key), state::fingerprint(row.public_key));
    if (how.retry) commands::retry(db, row.id);
    fmt::print("{} is approved{}\n", title_of(row),
        !how.new_key.empty() ? ", with its new key"
            : how.retry      ? " and tries again"
                             : "");
    return 0;
  });
}

int devices_refuse(const Context& context, const std::vector<std::string>& devices) {
  return change_each(context, devices, [](store::Database& db, const store::DeviceRow& row) {
    commands::refuse(db, row.id);
    fmt::print("{} is refused\n", title_of(row));
    return 0;
  });
}

int devices_hold(const Context& context, const DeviceSelection& devices, bool release) {
  return change_each(context, devices, [&](store::Database& db, const store::DeviceRow& row) {
    commands::hold(db, row.id, !release);
    fmt::print("{} is {}\n", title_of(row), release ? "updated again" : "paused: it is sent nothing");
    if (const auto policy = store::load_update_policy(db, row.id); release && policy.held)
      fmt::print("Mind: the rule for {} pauses it all the same: see 'drydock targets show {}'\n",
          log::printable(policy.held_by), row.id);
    return 0;
  });
}

int devices_forget(const Context& context, const std::vector<std::string>& devices, bool yes) {
  auto db = open_to_write(context);
  const auto rows = select_devices(db, DeviceSelection{devices, "", "", false});
  if (!rows) return print_error(rows.error().message);
  std::string question = rows->size() == 1 ? "Delete " : fmt::format("Delete these {} devices:\n", rows->size());
  for (const auto& row : *rows) question += rows->size() == 1 ? title_of(row) : "  " + title_of(row) + "\n";
  if (const auto sure = confirmed(question + (rows->size() == 1 ? ", with " : "with ") +
              "name, approval and history? Who comes again is a new device.",
          yes);
      !sure)
    return print_error(sure.error().message);
  const auto deleted = db.transact([&](store::Database& open) -> Result<void> {
    for (const auto& row : *rows) commands::forget(open, row.id);
    return {};
  });
  if (!deleted) return print_error(deleted.error().message);
  for (const auto& row : *rows) fmt::print("{} is deleted\n", title_of(row));
  folder_of(context).touch_changed();
  return 0;
}

int devices_replace(const Context& context, const std::string& old, const std::string& by, bool yes) {
  auto db = open_to_write(context);
  const auto rows = select_devices(db, DeviceSelection{{old, by}, "", "", false});
  if (!rows) return print_error(rows.error().message);
  const auto question = fmt::format("Let {} take the place of {}, which is deleted with its history?",
      title_of(rows->back()), title_of(rows->front()));
  if (const auto sure = confirmed(question, yes); !sure) return print_error(sure.error().message);
  const auto replaced = db.transact([&](store::Database& open) -> Result<void> {
    // As it is now: the question may have stood for a while.
    const auto now = store::load_device(open, rows->front().id);
    if (!now) return failure(ErrorKind::not_found, "it was deleted meanwhile");
    return commands::replace(open, *now, rows->back().id);
  });
  if (!replaced) return print_error(replaced.error().message);
  folder_of(context).touch_changed();
  fmt::print("{} has the place of {}\n", rows->back().id, title_of(rows->front()));
  return 0;
}

int devices_forget_pending(const Context& context, bool yes) {
  auto db = open_to_write(context);
  if (const auto sure = confirmed("Delete all devices that wait for approval?", yes); !sure)
    return print_error(sure.error().message);
  const int count = commands::forget_pending(db);
  folder_of(context).touch_changed();
  fmt::print(
      "{} device{} that waited for approval {} deleted\n", count, count == 1 ? "" : "s", count == 1 ? "is" : "are");
  return 0;
}

int devices_force(const Context& context, const DeviceSelection& devices, bool take_back) {
  return change_each(context, devices, [&](store::Database& db, const store::DeviceRow& row) {
    commands::force(db, row.id, !take_back);
    fmt::print("{} {}\n", title_of(row),
        take_back ? "is asked again before an update"
                  : "will be told to take its next update though its application disabled updates, and is sent it at "
                    "any hour");
    return 0;
  });
}

int devices_rename(const Context& context, const std::string& device, const std::string& name) {
  return change_each(context, std::vector{device}, [&](store::Database& db, const store::DeviceRow& row) {
    if (const auto renamed = commands::rename(db, row.id, name); !renamed) return print_error(renamed.error().message);
    const auto stored = store::load_device(db, row.id)->name;
    if (stored.empty())
      fmt::print("{} has no name any more\n", row.id);
    else
      fmt::print("{} is called {} now\n", row.id, stored);
    return 0;
  });
}

int devices_group(const Context& context, const std::string& group, const std::vector<std::string>& devices) {
  return change_each(context, devices, [&](store::Database& db, const store::DeviceRow& row) {
    if (const auto set = commands::set_group(db, row.id, group); !set) return print_error(set.error().message);
    fmt::print("{} is in {} now\n", title_of(row), group.empty() ? "no group" : fmt::format("group '{}'", group));
    return 0;
  });
}

int devices_label(const Context& context, const std::string& label, const DeviceSelection& devices, bool has) {
  return change_each(context, devices, [&](store::Database& db, const store::DeviceRow& row) {
    if (const auto set = server::set_label(db, row.id, label, has); !set) return print_error(set.error().message);
    fmt::print("{} {} the label '{}' now\n", title_of(row), has ? "has" : "has not", log::printable(label));
    return 0;
  });
}

int devices_target(
    const Context& context, const std::string& device, const std::vector<std::string>& modules, bool clear) {
  if (modules.empty() && !clear) return print_error("say which modules, or --clear");
  return change_each(context, std::vector{device}, [&](store::Database& db, const store::DeviceRow& row) {
    std::string said;
    const auto changed = db.transact([&](store::Database& open) -> Result<void> {
      if (clear) commands::clear_targets(open, row.id);
      for (const auto& name : modules) {
        const auto module = commands::add_target(open, row, name);
        if (!module) return tl::unexpected(module.error());
        said += fmt::format("{} shall have {}\n", title_of(row), module->title());
      }
      return {};
    });
    if (!changed) return print_error(changed.error().message);
    fmt::print("{}", said);
    return 0;
  });
}

}  // namespace drydock::cli
