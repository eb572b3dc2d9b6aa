// Devices on their way in a rollout: how each is, and what it is to have.
#include "store/policies.hpp"
#include "store/rollouts.hpp"
#include "store/statement.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <map>

namespace drydock::store {
namespace {

using planning::DeviceStage;

// A slot of a device, what is in it, and whether that is this file.
struct Slot {
  firmware::ModuleKey key;
  std::uint16_t version = 0;
  std::string suffix_sha256;
  bool operator<(const Slot& other) const { return key < other.key; }
};

// As the planner has it: other builds of a system part are as good, of an application they are not.
bool has(const std::vector<Slot>& modules, const Slot& wanted) {
  const bool any_build =
      wanted.key.function != firmware::Function::user_part && wanted.key.function != firmware::Function::monolithic;
  return std::any_of(modules.begin(), modules.end(), [&](const Slot& have) {
    return have.key == wanted.key && have.version == wanted.version &&
        (any_build || have.suffix_sha256.empty() || wanted.suffix_sha256.empty() ||
            have.suffix_sha256 == wanted.suffix_sha256);
  });
}

std::vector<Slot> slots_of(const std::vector<firmware::LibraryModule>& files, std::uint16_t platform) {
  std::vector<Slot> slots;
  for (const auto& file : files) {
    if (file.platform != platform || file.asset) continue;
    for (const auto& member : file.members()) slots.push_back({member.key, member.version, member.suffix_sha256});
  }
  return slots;
}

Slot read_slot(Statement& s, int at) {
  return {{static_cast<firmware::Function>(s.integer(at)), s.integer<std::uint8_t>(at + 1)},
      s.integer<std::uint16_t>(at + 2), s.text(at + 3)};
}

// What has come to a device's slots by other ways: for every file of the release a part of a condition.
std::string in_slots_of(const ReleaseRow& release, const char* table, bool newer) {
  std::string condition;
  for (const auto& file : release.modules)
    for (const auto& member : file.members()) {
      if (file.asset) continue;
      condition += fmt::format("{}(d.platform = {} AND {}.function = {} AND {}.module_index = {}",
          condition.empty() ? "" : " OR ", file.platform, table, static_cast<int>(member.key.function), table,
          member.key.index);
      condition += newer ? fmt::format(" AND {}.version > {})", table, member.version) : ")";
    }
  return condition.empty() ? "false" : condition;
}

std::vector<std::string> unsent_devices(Database& db, std::int64_t rollout, const std::string& join_and_condition) {
  Statement s(db,
      "SELECT DISTINCT r.device_id FROM rollout_devices r JOIN devices d ON d.id = r.device_id JOIN " +
          join_and_condition + " AND r.rollout_id = ? AND r.stage IN ('waiting', 'begun')");
  s.bind(1, rollout);
  std::vector<std::string> ids;
  while (s.step()) ids.push_back(s.text(0));
  return ids;
}

struct Known {
  planning::Standing standing;
  PolicySubject subject;
  std::uint16_t product = 0;
  bool held = false;
  bool forced = false;
  std::vector<Slot> modules;
  std::vector<Slot> previous;
};

// Why a device must not begin now; empty: it may. One that is forced heeds no hours. Whether a rule's hours are open is
// found out once.
class Permission {
public:
  Permission(Database& db, const RolloutRow& row, std::int64_t utc_now)
      : policies_(db),
        row_(row),
        utc_now_(utc_now),
        rollout_open_(planning::is_open(row.rollout.rules.window, utc_now)) {}

  std::string refusal(const Known& one) {
    if (one.held) return "is paused by a person";
    if (const auto* held = policies_.held(one.subject); held != nullptr && *held->held)
      return fmt::format("is paused by the rule for {}", rule_words(*held));
    if (one.forced || row_.rollout.rules.forced) return "";
    if (!rollout_open_)
      return fmt::format("waits for the hours of the rollout: {}", planning::window_words(row_.rollout.rules.window));
    const auto* rule = policies_.window(one.subject);
    if (rule == nullptr || is_open(*rule)) return "";
    return fmt::format("waits for the hours of {}: {}", rule_words(*rule), planning::window_words(rule->window));
  }

private:
  bool is_open(const PolicyRow& rule) {
    const auto [known, fresh] = open_.try_emplace(&rule, false);
    if (fresh) known->second = planning::is_open(rule.window, utc_now_);
    return known->second;
  }

  Policies policies_;
  const RolloutRow& row_;
  std::int64_t utc_now_;
  bool rollout_open_;
  std::map<const PolicyRow*, bool> open_;
};

// In the order of the rollout's devices.
std::vector<Known> load_known(Database& db, const RolloutRow& row) {
  std::map<std::string, Known> known;
  Statement d(db,
      "SELECT d.id, d.connected, d.reconnections, d.safe_mode, d.state, d.state_words, d.platform, d.group_name, "
      "EXISTS (SELECT 1 FROM update_steps u WHERE u.device_id = d.id AND u.started_at >= ?), r.heard_in, d.held, "
      "d.forced, d.product_id FROM "
      "devices d JOIN "
      "rollout_devices r ON r.device_id = d.id WHERE r.rollout_id = ?");
  d.bind(1, row.created);
  d.bind(2, row.id);
  while (d.step()) {
    auto& one = known[d.text(0)];
    one.standing.connected = d.boolean(1);
    one.standing.reconnections = d.integer(2);
    one.standing.safe_mode = d.boolean(3);
    one.standing.settled = d.text(4) != "waiting" && d.text(4) != "updating";
    // Of one that is away "blocked" only says that a file has gone meanwhile: it may be there again when the device is.
    if (const auto state = d.text(4); state == "parked" || (state == "blocked" && one.standing.connected))
      one.standing.given_up = d.text(5);
    one.subject = {d.text(0), d.text(7), d.integer<std::uint16_t>(6)};
    one.standing.was_sent = d.boolean(8);
    one.standing.heard_in = d.integer(9);
    one.held = d.boolean(10);
    one.forced = d.boolean(11);
    one.product = d.integer<std::uint16_t>(12);
  }
  Statement m(db,
      "SELECT m.device_id, m.function, m.module_index, m.version, m.sha256 FROM device_modules m JOIN rollout_devices "
      "r "
      "ON r.device_id = m.device_id WHERE r.rollout_id = ? AND r.stage NOT IN ('waiting', 'failed') AND m.store = "
      "'main'");
  m.bind(1, row.id);
  while (m.step()) known[m.text(0)].modules.push_back(read_slot(m, 1));
  Statement p(db,
      "SELECT device_id, function, module_index, version, suffix_sha256 FROM rollout_previous WHERE rollout_id = ?");
  p.bind(1, row.id);
  while (p.step()) known[p.text(0)].previous.push_back(read_slot(p, 1));

  const auto release = load_release(db, row.release);
  if (release && !row.rollout.rules.downgrade)
    for (const auto& id : unsent_devices(db, row.id,
             "device_modules m ON m.device_id = r.device_id WHERE m.store = 'main' AND (" +
                 in_slots_of(*release, "m", true) + ")"))
      known[id].standing.left_out = "has got something newer";
  if (release)
    for (const auto& id : unsent_devices(
             db, row.id, "goals g ON g.device_id = r.device_id WHERE (" + in_slots_of(*release, "g", false) + ")"))
      known[id].standing.left_out = "shall have something of its own in a slot of the release";
  std::map<std::uint16_t, std::vector<Slot>> wanted;
  std::vector<Known> list;
  for (const auto& device : row.rollout.devices) {
    auto& one = known[device.id];
    auto [slots, fresh] = wanted.try_emplace(one.subject.platform);
    if (fresh && release) slots->second = slots_of(release->modules, one.subject.platform);
    const auto all = [&](const std::vector<Slot>& slots_wanted) {
      return std::all_of(
          slots_wanted.begin(), slots_wanted.end(), [&](const Slot& slot) { return has(one.modules, slot); });
    };
    one.standing.has_release = !slots->second.empty() && all(slots->second);
    one.standing.has_previous = all(one.previous);
    const bool unsent = device.stage == DeviceStage::waiting || device.stage == DeviceStage::begun;
    const auto for_other_product = [&](const firmware::LibraryModule& file) {
      return file.platform == one.subject.platform && planning::is_of_other_product(file, one.product);
    };
    if (unsent && release && std::any_of(release->modules.begin(), release->modules.end(), for_other_product))
      one.standing.left_out = "is of another product than the release";
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace

void save_previous_modules(Database& db, std::int64_t rollout, const std::string& device_id,
    const std::vector<firmware::LibraryModule>& release) {
  std::uint16_t platform = 0;
  {
    Statement d(db, "SELECT platform FROM devices WHERE id = ?");
    d.bind(1, device_id);
    if (d.step()) platform = d.integer<std::uint16_t>(0);
  }
  const auto wanted = slots_of(release, platform);
  // What has the release's version already stays as it is.
  const auto is_changed = [&](const Slot& slot) {
    return std::any_of(
        wanted.begin(), wanted.end(), [&](const Slot& one) { return one.key == slot.key && !has({slot}, one); });
  };
  Statement s(
      db, "SELECT function, module_index, version, sha256 FROM device_modules WHERE device_id = ? AND store = 'main'");
  s.bind(1, device_id);
  std::vector<Slot> modules;
  while (s.step())
    if (auto slot = read_slot(s, 0); is_changed(slot)) modules.push_back(std::move(slot));
  Statement clear(db, "DELETE FROM rollout_previous WHERE rollout_id = ? AND device_id = ?");
  clear.bind(1, rollout);
  clear.bind(2, device_id);
  clear.execute();  // of a time before, when it waited again
  for (const auto& module : modules) {
    Statement insert(db,
        "INSERT INTO rollout_previous (rollout_id, device_id, function, module_index, version, suffix_sha256) VALUES "
        "(?,?,?,?,?,?)");
    insert.bind(1, rollout);
    insert.bind(2, device_id);
    insert.bind(3, static_cast<int>(module.key.function));
    insert.bind(4, module.key.index);
    insert.bind(5, module.version);
    insert.bind(6, module.suffix_sha256);
    insert.execute();
  }
}

std::vector<planning::Standing> load_standings(Database& db, const RolloutRow& row, std::int64_t utc_now) {
  auto known = load_known(db, row);
  Permission permission(db, row, utc_now);
  std::vector<planning::Standing> standings;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (row.rollout.devices[i].stage == DeviceStage::waiting)
      known[i].standing.may_begin = permission.refusal(known[i]).empty();
    standings.push_back(std::move(known[i].standing));
  }
  return standings;
}

void say_why_they_wait(Database& db, RolloutRow& row, std::int64_t utc_now) {
  using planning::RolloutStage;
  const auto stage = row.rollout.stage;
  if (stage != RolloutStage::running && stage != RolloutStage::paused && stage != RolloutStage::stopped) return;
  const auto known = load_known(db, row);
  Permission permission(db, row, utc_now);
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (row.rollout.devices[i].stage != DeviceStage::waiting) continue;
    const auto& left_out = known[i].standing.left_out;
    auto why = left_out.empty() ? permission.refusal(known[i]) : "is left out: " + left_out;
    if (why.empty() && !known[i].standing.connected) why = "is not connected";
    if (why.empty()) why = stage == RolloutStage::running ? "waits for its wave" : "waits for the rollout to go on";
    row.states[i] = std::move(why);
  }
}

void note_health(Database& db, std::int64_t rollout, const std::string& device_id, std::int64_t reconnections) {
  Statement s(db, "UPDATE rollout_devices SET heard_in = ? WHERE rollout_id = ? AND device_id = ?");
  s.bind(1, reconnections);
  s.bind(2, rollout);
  s.bind(3, device_id);
  s.execute();
}

std::optional<AwaitedRollout> load_awaited_rollout(Database& db, const std::string& device_id) {
  Statement s(db,
      "SELECT o.id, o.stage FROM rollout_devices r JOIN rollouts o ON o.id = r.rollout_id WHERE r.device_id = ? AND "
      "r.stage = 'waiting' AND o.stage IN ('running', 'paused', 'stopped') ORDER BY o.id DESC LIMIT 1");
  s.bind(1, device_id);
  if (!s.step()) return std::nullopt;
  return AwaitedRollout{s.integer(0), s.text(1)};
}

RolloutOrders load_rollout_orders(Database& db, const std::string& device_id) {
  Statement s(db,
      "SELECT r.rollout_id, r.stage, o.release_name, d.platform, d.product_id, o.bytes_per_second, o.hours, "
      "o.time_zone, "
      "o.blackout, o.health_event FROM rollout_devices r JOIN rollouts o ON o.id = "
      "r.rollout_id JOIN devices d ON d.id = r.device_id WHERE r.device_id = ? AND r.stage != 'waiting' ORDER BY "
      "r.rollout_id DESC LIMIT 1");
  s.bind(1, device_id);
  RolloutOrders orders;
  if (!s.step()) return orders;
  const auto rollout = orders.id = s.integer(0);
  const auto stage = planning::device_stage(s.text(1));
  const auto release_name = s.text(2);
  const auto platform = s.integer<std::uint16_t>(3);
  const auto product = s.integer<std::uint16_t>(4);
  const bool under_way =
      stage == DeviceStage::begun || stage == DeviceStage::soaking || stage == DeviceStage::reverting;
  if (under_way) {
    orders.bytes_per_second = s.integer<std::uint64_t>(5);
    orders.window = {s.text(6), s.text(7), s.text(8)};
    orders.health_event = s.text(9);
  }
  orders.failed = stage == DeviceStage::failed;
  s.execute_rest();
  auto& targets = orders.targets;
  switch (stage) {
    case DeviceStage::begun:
    case DeviceStage::soaking:
    case DeviceStage::healthy: {
      if (const auto release = load_release(db, release_name))
        targets = planning::targets_of(release->modules, platform, product);
      break;
    }
    case DeviceStage::reverting:
    case DeviceStage::reverted: {
      Statement p(db,
          "SELECT p.function, p.module_index, p.version, p.suffix_sha256, m.sha256 FROM rollout_previous p LEFT JOIN "
          "modules m ON m.suffix_sha256 = p.suffix_sha256 AND m.platform = ? WHERE p.rollout_id = ? AND p.device_id = "
          "? "
          "ORDER BY p.function, p.module_index");
      p.bind(1, platform);
      p.bind(2, rollout);
      p.bind(3, device_id);
      while (p.step()) {
        const auto slot = read_slot(p, 0);
        if (targets.empty() || targets.back().key != slot.key) targets.push_back({slot.key, slot.version, p.text(4)});
      }
      break;
    }
    case DeviceStage::waiting:
    case DeviceStage::failed: break;
  }
  return orders;
}

}  // namespace drydock::store
