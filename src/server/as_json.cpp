#include "server/as_json.hpp"

#include "firmware/releases.hpp"
#include "state/server_keys.hpp"
#include "store/device_list.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace drydock::server {
namespace {

using nlohmann::json;

// Names come from devices and files: whatever is not UTF-8 is replaced.
std::string print(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

json version_or_null(std::optional<std::uint16_t> version) {
  return version ? json(*version) : json(nullptr);
}

json dependencies_of(const std::vector<firmware::Dependency>& dependencies) {
  auto list = json::array();
  for (const auto& d : dependencies)
    list.push_back({{"module", d.key.name()}, {"function", static_cast<int>(d.key.function)}, {"index", d.key.index},
        {"version", d.version}});
  return list;
}

json second_module(const firmware::ModuleInfo& m) {
  return {{"module", m.key.name()}, {"function", static_cast<int>(m.key.function)}, {"index", m.key.index},
      {"version", m.version}, {"dependencies", dependencies_of(m.dependencies)}};
}

json library_entry(const firmware::LibraryModule& m) {
  return {{"sha256", m.sha256}, {"file", m.file_name}, {"size", m.size}, {"platform", m.platform},
      {"platform_name", firmware::platform_name(m.platform)}, {"module", m.asset ? m.title() : m.key.name()},
      {"function", static_cast<int>(m.key.function)}, {"index", m.key.index}, {"version", m.version},
      {"device_os", firmware::release_words(m.platform, m.key, m.version)},
      {"dependencies", dependencies_of(m.dependencies)}, {"compressed", (m.flags & firmware::flag::compressed) != 0},
      {"companion", m.second_module ? second_module(*m.second_module) : json(nullptr)}};
}

json device(const store::DeviceRow& row, std::int64_t away_before) {
  return {{"id", row.id}, {"name", row.name}, {"remarks", row.notes}, {"group", row.group}, {"approval", row.approval},
      {"platform", row.platform}, {"platform_name", firmware::platform_name(row.platform)},
      {"connected", row.connected}, {"address", row.address}, {"first_seen", row.first_seen},
      {"last_seen", row.last_seen}, {"safe_mode", row.safe_mode},
      {"updates_enabled", row.updates_enabled ? json(*row.updates_enabled) : json(nullptr)}, {"state", row.state},
      {"state_words", row.state_words}, {"system_version", row.system_version},
      {"shown_state", store::shown_state(row, away_before)}, {"changed_key_seen", row.changed_key_seen},
      {"held", row.held}, {"forced", row.forced}, {"fingerprint", state::fingerprint(row.public_key)},
      {"changed_key", row.changed_key.empty() ? json(nullptr) : json(state::fingerprint(row.changed_key))}};
}

// Which rule the device follows in each matter, and what it says.
json policy_of(const planning::UpdatePolicy& policy) {
  json result{{"target", nullptr}, {"held_by", policy.held ? json(policy.held_by) : json(nullptr)},
      {"windows", json::array()}, {"rollout", policy.rollout == 0 ? json(nullptr) : json(policy.rollout)}};
  if (const auto& standing = policy.targets.standing)
    result["target"] = {{"rule", standing->rule}, {"kind", planning::target_kind_name(standing->kind)},
        {"words", planning::target_words(*standing)}, {"downgrade", standing->downgrade}};
  for (const auto& window : policy.windows)
    result["windows"].push_back(
        {{"rule", window.rule}, {"hours", window.words.hours}, {"time_zone", window.words.time_zone},
            {"blackout", window.words.blackout}, {"words", planning::window_words(window.words)}});
  return result;
}

json installed(std::uint16_t platform, const firmware::InstalledModule& m) {
  return {{"module", m.key.name()}, {"function", static_cast<int>(m.key.function)}, {"index", m.key.index},
      {"version", m.version}, {"device_os", firmware::release_words(platform, m.key, m.version)}, {"valid", m.valid()},
      {"main", m.store == firmware::StoreLocation::main},
      {"failed_checks", firmware::validity::failed_words(m.checked, m.passed)}, {"sha256", m.sha256},
      {"dependencies", dependencies_of(m.dependencies)}};
}

json installed_list(std::uint16_t platform, const std::vector<firmware::InstalledModule>& modules) {
  auto list = json::array();
  for (const auto& module : modules) list.push_back(installed(platform, module));
  return list;
}

json target(const planning::Target& g) {
  return {{"module", g.key.name()}, {"function", static_cast<int>(g.key.function)}, {"index", g.key.index},
      {"version", g.version}, {"sha256", g.sha256}};
}

json planned(const planning::Step& s) {
  auto planned = library_entry(s.module);
  planned["from_version"] = version_or_null(s.from_version);
  planned["reason"] = s.reason;
  if (s.module.size == 0) {  // known from the table of releases alone: there is no file
    for (const auto* name : {"sha256", "size", "file"}) planned.erase(name);
    planned["device_os"] = s.module.file_name;
  }
  return planned;
}

json missing_of(std::uint16_t platform, const planning::Missing& m) {
  const auto release = firmware::parse_release_number(firmware::release_words(platform, m.need.key, m.need.version));
  return {{"file", release ? firmware::release_file(platform, m.need.key, *release) : ""},
      {"module", m.need.key.name()}, {"function", static_cast<int>(m.need.key.function)}, {"index", m.need.key.index},
      {"version", m.need.version}, {"words", m.words}};
}

template <class Range, class Function>
json list_of(const Range& range, Function one) {
  auto list = json::array();
  for (const auto& element : range) list.push_back(one(element));
  return list;
}

json missing_list(std::uint16_t platform, const planning::Plan& plan) {
  return list_of(plan.missing, [platform](const auto& one) { return missing_of(platform, one); });
}

json targets_of(const planning::UpdatePolicy& policy) {
  auto list = list_of(policy.targets.targets, target);
  for (std::size_t i = 0; i < list.size(); ++i) list[i]["own"] = i < policy.own_targets;
  return list;
}

// A second is too short to tell how long the rest takes.
json progress_of(const DeviceView& entry) {
  if (!entry.transfer) return nullptr;
  const auto& t = *entry.transfer;
  using Seconds = std::chrono::duration<double>;
  constexpr double stands_still = 15;
  // By the time that the bytes took which have arrived: one that stands still would seem to take ever longer.
  const double took = Seconds(t.moved - t.began).count();
  const double since = Seconds(Clock::now() - t.moved).count();
  json eta = nullptr;
  if (took > 1 && t.bytes > 0 && since < stands_still) {
    const double rest = took * (t.step.module.size - static_cast<double>(t.bytes)) / static_cast<double>(t.bytes);
    eta = std::lround(std::max(0.0, rest - since));
  }
  return {{"module", t.step.module.title()}, {"bytes", t.bytes}, {"bytes_total", t.step.module.size},
      {"eta_seconds", eta}, {"step", entry.steps_done + 1}, {"steps", entry.steps_done + entry.plan.steps.size()}};
}

json history(const std::vector<store::HistoryRow>& rows) {
  auto list = json::array();
  for (const auto& row : rows)
    list.push_back({{"at", row.at}, {"device", row.device_id}, {"kind", row.kind}, {"words", row.words}});
  return list;
}

json step(const store::StepRow& s) {
  return {{"module", s.key.name()}, {"version", s.version}, {"sha256", s.sha256},
      {"from_version", version_or_null(s.from_version)}, {"state", s.state}, {"reason", s.reason},
      {"bytes_total", s.bytes_total}, {"bytes_acknowledged", s.bytes_acknowledged}, {"planned_at", s.planned_at},
      {"started_at", s.started_at}, {"finished_at", s.finished_at}, {"error", s.error}};
}

}  // namespace

std::string keys_as_json(const PublicKeyInfo& tcp, const PublicKeyInfo& udp) {
  return print({{"fingerprint", tcp.fingerprint}, {"public_key", tcp.pem},
      {"udp", {{"fingerprint", udp.fingerprint}, {"public_key", udp.pem}}}});
}

std::string library_as_json(const firmware::Library& library) {
  auto list = json::array();
  for (const auto* module : library.all()) list.push_back(library_entry(*module));
  return print(list);
}

std::string releases_as_json(const std::vector<firmware::LibraryRelease>& releases) {
  auto list = json::array();
  for (const auto& release : releases) {
    auto files = json::array();
    for (const auto* file : release.files) files.push_back(file->sha256);
    auto missing = json::array();
    for (const auto& [key, version] : release.missing)
      missing.push_back({{"words", firmware::module_title(release.platform, key, version)},
          {"file", firmware::release_file(release.platform, key, release.number)}});
    list.push_back({{"platform", release.platform}, {"device_os", release.number.text()}, {"files", std::move(files)},
        {"missing", std::move(missing)}});
  }
  return print(list);
}

std::string inspected_as_json(const std::vector<Inspected>& files) {
  auto list = json::array();
  for (const auto& f : files) {
    json inspected{{"file", f.file}, {"accepted", f.verdict.empty()}};
    if (!f.verdict.empty()) inspected["why_not"] = f.verdict;
    auto members = json::array();
    for (const auto& entry : f.content ? f.content->members : std::vector<firmware::Member>()) {
      const auto& p = entry.module.prefix;
      members.push_back(
          {{"module", p.key.name()}, {"function", static_cast<int>(p.key.function)}, {"index", p.key.index},
              {"version", p.version}, {"platform", p.platform}, {"platform_name", firmware::platform_name(p.platform)},
              {"start_address", p.start_address}, {"end_address", p.end_address}, {"flags", p.flags},
              {"crc_ok", entry.module.crc_ok()}, {"sha256_ok", entry.module.sha256_ok},
              {"padding", entry.module.padding}, {"dependencies", dependencies_of(entry.module.dependencies())},
              {"unpacks_to", entry.original ? json(entry.original->prefix.module_size()) : json(nullptr)}});
    }
    // The first as ever; of a combined file the second beside it.
    if (!members.empty()) inspected.update(members[0]);
    if (members.size() > 1) inspected["companion"] = members[1];
    list.push_back(inspected);
  }
  return print(list);
}

std::string plan_as_json(std::uint16_t platform, const planning::Plan& plan) {
  json result{{"platform", platform}, {"current", plan.current()}, {"blocked", plan.blocked()},
      {"steps", json::array()}, {"missing", json::array()}, {"notes", plan.notes}};
  result["steps"] = list_of(plan.steps, planned);
  result["missing"] = missing_list(platform, plan);
  return print(result);
}

std::string device_as_json(const DeviceView& entry, std::int64_t away_before) {
  auto result = device(entry.row, away_before);
  result["progress"] = progress_of(entry);
  result["modules"] = installed_list(entry.row.platform, entry.modules_stored);
  result["targets"] = targets_of(entry.policy);
  result["policy"] = policy_of(entry.policy);
  result["plan"] = list_of(entry.plan.steps, planned);
  result["missing"] = missing_list(entry.row.platform, entry.plan);
  result["missing_more"] = entry.plan.missing_more;
  result["notes"] = entry.plan.notes;
  result["session_known"] = entry.session_known;
  return result.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string history_as_json(const std::vector<store::HistoryRow>& rows) {
  return print(history(rows));
}
std::string steps_as_json(const std::vector<store::StepRow>& rows) {
  return print(list_of(rows, step));
}
std::string module_as_json(const firmware::LibraryModule& module) {
  return print(library_entry(module));
}

std::string nodes_as_json(const std::vector<store::NodeRow>& nodes) {
  auto list = json::array();
  for (const auto& node : nodes)
    list.push_back({{"id", node.id}, {"name", node.name}, {"version", node.version}, {"started", node.started},
        {"seen", node.seen}, {"connected", node.connected}, {"updating", node.updating}});
  return print(json{{"nodes", list}});
}

std::string devices_as_json(const std::vector<store::DeviceRow>& rows, std::int64_t away_before) {
  auto list = json::array();
  for (const auto& row : rows) list.push_back(device(row, away_before));
  return print(list);
}

std::string device_as_json(const DeviceDetails& d, std::int64_t away_before) {
  auto result = device(d.row, away_before);
  result["application"] = json::parse(d.row.application, nullptr, false);
  if (result["application"].is_discarded()) result["application"] = nullptr;
  result["modules"] = installed_list(d.row.platform, d.modules);
  result["targets"] = targets_of(d.policy);
  result["policy"] = policy_of(d.policy);
  result["labels"] = d.labels;
  result["steps"] = list_of(d.steps, step);
  result["history"] = history(d.history);
  return print(result);
}

std::string status_as_json(bool running, const std::vector<store::DeviceRow>& rows,
    const std::vector<store::HistoryRow>& refusals, std::int64_t away_before) {
  json result{{"running", running}, {"devices", json::array()}, {"refusals", history(refusals)}};
  for (const auto& row : rows) result["devices"].push_back(device(row, away_before));
  return print(result);
}

}  // namespace drydock::server
