#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/api_client.hpp"
#include "cli/find_device.hpp"
#include "cli/waited_devices.hpp"
#include "firmware/platforms.hpp"
#include "store/device_list.hpp"

#include <fmt/core.h>
#include <set>

namespace drydock::cli {
namespace {

using nlohmann::json;

constexpr auto devices_a_page = 500;

// As API clients are told of it: openapi.json, Device.
WaitedDevice device_of(const json& told) {
  WaitedDevice device;
  auto& row = device.row;
  row.id = text_of(told, "id");
  row.name = text_of(told, "name");
  row.approval = text_of(told, "approval");
  row.connected = flag_of(told, "connected");
  row.held = flag_of(told, "held");
  row.state = text_of(told, "state");
  row.state_words = log::printable(text_of(told, "state_words"));
  // Which one is not needed: it waits for somebody.
  const auto other_key = text_of(told, "changed_key");
  row.changed_key.assign(other_key.begin(), other_key.end());
  row.platform = told.value("platform", json()).is_number_unsigned() ? told["platform"].get<std::uint16_t>() : 0;
  device.needs_nothing =
      store::shown_state(row, 0) == "current" && list_of(told, "plan").empty() && list_of(told, "missing").empty();
  // Only one alone is told of with it.
  if (const auto rollout = told.find("awaited_rollout"); rollout != told.end() && rollout->is_object())
    device.rollout = {rollout->value("id", json()).is_number_integer() ? (*rollout)["id"].get<std::int64_t>() : 0,
        log::printable(text_of(*rollout, "stage"))};
  return device;
}

class Elsewhere {
public:
  Elsewhere(ApiClient api, DeviceSelection chosen) : api_(std::move(api)), chosen_(std::move(chosen)) {}

  // What was chosen stands for the same devices from then on.
  Result<void> find() {
    for (const auto& name : chosen_.names) {
      auto id = find(name);
      if (!id) return tl::unexpected(id.error());
      ids_.push_back(std::move(*id));
    }
    const auto seen = look();
    if (!seen) return tl::unexpected(seen.error());
    if (seen->devices.empty()) return failure(ErrorKind::not_found, nobody_is(chosen_));
    for (const auto& device : seen->devices) meant_.insert(device.row.id);
    return {};
  }

  Result<WaitedDevices> look() {
    const auto status = api_.get("status");
    if (!status) return tl::unexpected(status.error());
    if (!status->contains("states")) return tl::unexpected(no_drydock(api_.url()));
    WaitedDevices seen{{}, true, flag_of(*status, "paused")};
    if (!ids_.empty()) {
      for (const auto& id : ids_) {
        auto device = one(id);
        if (!device) return tl::unexpected(device.error());
        seen.devices.push_back(std::move(*device));
      }
      return seen;
    }
    auto all = list(chosen_.group.empty() ? "" : "&group=" + api_.escaped(chosen_.group));
    if (!all) return tl::unexpected(all.error());
    std::set<std::string> missing = meant_;
    for (auto& device : *all) {
      const bool chosen = meant_.empty()
          ? device.row.approval == "approved" && (chosen_.platform.empty() || device.row.platform == platform())
          : missing.erase(device.row.id) != 0;
      if (chosen) seen.devices.push_back(std::move(device));
    }
    // It is in another group now, or was forgotten.
    for (const auto& id : missing) {
      auto device = one(id);
      if (!device) return tl::unexpected(device.error());
      seen.devices.push_back(std::move(*device));
    }
    return confirmed(std::move(seen));
  }

private:
  std::uint16_t platform() const { return firmware::find_platform(chosen_.platform)->id; }

  Result<WaitedDevice> one(const std::string& id) {
    const auto told = api_.get("devices/" + id);
    if (!told && told.error().kind == ErrorKind::not_found)
      return failure(ErrorKind::not_found, "device " + id + " was forgotten meanwhile");
    if (!told) return tl::unexpected(told.error());
    return device_of(*told);
  }

  Result<std::vector<WaitedDevice>> list(const std::string& filter) {
    std::vector<WaitedDevice> devices;
    std::string after;
    do {
      const auto page = api_.get(fmt::format(
          "devices?limit={}{}{}", devices_a_page, filter, after.empty() ? "" : "&after=" + api_.escaped(after)));
      if (!page) return tl::unexpected(page.error());
      for (const auto& each : list_of(*page, "devices"))
        if (each.is_object()) devices.push_back(device_of(each));
      auto next = text_of(*page, "next");
      if (next == after) break;
      after = std::move(next);
    } while (!after.empty());
    return devices;
  }

  // A list says nothing of rollouts that are to come, and has of absent devices what was planned last, which may be
  // older than what somebody said just now.
  Result<WaitedDevices> confirmed(WaitedDevices seen) {
    for (const auto& device : seen.devices)
      if (!device.needs_nothing) return seen;
    for (auto& device : seen.devices) {
      auto now = one(device.row.id);
      if (!now) return tl::unexpected(now.error());
      device = std::move(*now);
      if (!device.needs_nothing || device.rollout) break;  // the others wait with it
    }
    return seen;
  }

  // Its id, or its name, also in other letters where no other has that.
  Result<std::string> find(const std::string& name) {
    const auto found = list("&search=" + api_.escaped(name));
    if (!found) return tl::unexpected(found.error());
    const auto wanted = lower_ascii(name);
    std::vector<std::string> alike;
    for (const auto& device : *found) {
      if (device.row.name == name || device.row.id == wanted) return device.row.id;
      if (lower_ascii(device.row.name) == wanted) alike.push_back(device.row.id);
    }
    if (alike.empty()) return failure(ErrorKind::not_found, fmt::format("no device '{}' there", name));
    if (alike.size() > 1)
      return failure(ErrorKind::conflict, fmt::format("'{}' stands for {} devices: give the id", name, alike.size()));
    return alike.front();
  }

  ApiClient api_;
  DeviceSelection chosen_;
  std::vector<std::string> ids_;  ///< of the names
  std::set<std::string> meant_;   ///< of the others; empty: not known yet
};

}  // namespace

Result<WaitedSource> devices_elsewhere(const RemoteDrydock& remote, const DeviceSelection& chosen) {
  if (const auto right = check_selection(chosen); !right) return tl::unexpected(right.error());
  auto api = ApiClient::open(remote, "read");
  if (!api) return tl::unexpected(api.error());
  const auto elsewhere = std::make_shared<Elsewhere>(std::move(*api), chosen);
  if (const auto found = elsewhere->find(); !found) return tl::unexpected(found.error());
  return WaitedSource([elsewhere] { return elsewhere->look(); });
}

}  // namespace drydock::cli
