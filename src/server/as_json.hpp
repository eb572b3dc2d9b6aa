// Devices, modules, plans and history as JSON: what `--json` prints and what the API answers.
#pragma once

#include "server/device_entry.hpp"
#include "firmware/library.hpp"
#include "firmware/library_releases.hpp"
#include "firmware/module.hpp"
#include "planning/update_policy.hpp"
#include "store/devices.hpp"
#include "store/history.hpp"
#include "store/nodes.hpp"
#include "store/updates.hpp"

#include <string>
#include <vector>

namespace drydock::server {

struct PublicKeyInfo {
  std::string fingerprint;
  std::string pem;
};
std::string keys_as_json(const PublicKeyInfo& tcp, const PublicKeyInfo& udp);
std::string releases_as_json(const std::vector<firmware::LibraryRelease>& releases);
std::string library_as_json(const firmware::Library& library);

struct Inspected {
  std::string file;
  std::optional<firmware::ModuleFile> content;
  std::string verdict;  ///< empty: it may be added
};
std::string inspected_as_json(const std::vector<Inspected>& files);

std::string plan_as_json(std::uint16_t platform, const planning::Plan& plan);

struct DeviceDetails {
  store::DeviceRow row;
  std::vector<firmware::InstalledModule> modules;
  planning::UpdatePolicy policy;
  std::vector<std::string> labels;
  std::vector<store::StepRow> steps;
  std::vector<store::HistoryRow> history;
};
/// `away_before`: see store::shown_state().
/// One device as the page lists it, with what is going on right now: devices_as_json's object and `progress`,
/// `modules`, `plan`, `missing`.
std::string device_as_json(const DeviceView& view, std::int64_t away_before = 0);
std::string history_as_json(const std::vector<store::HistoryRow>& rows);
std::string steps_as_json(const std::vector<store::StepRow>& rows);
std::string module_as_json(const firmware::LibraryModule& module);

/// {"nodes": […]}: the machines that share the database.
std::string nodes_as_json(const std::vector<store::NodeRow>& nodes);

std::string devices_as_json(const std::vector<store::DeviceRow>& rows, std::int64_t away_before = 0);
std::string device_as_json(const DeviceDetails& device, std::int64_t away_before = 0);
std::string status_as_json(bool running, const std::vector<store::DeviceRow>& rows,
    const std::vector<store::HistoryRow>& refusals, std::int64_t away_before = 0);

}  // namespace drydock::server
