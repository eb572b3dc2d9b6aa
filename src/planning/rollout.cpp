#include "planning/rollout.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/core.h>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace drydock::planning {
namespace {

using namespace std::string_view_literals;

constexpr std::array device_stages{std::pair{DeviceStage::waiting, "waiting"sv},
    std::pair{DeviceStage::begun, "begun"sv}, std::pair{DeviceStage::soaking, "soaking"sv},
    std::pair{DeviceStage::healthy, "healthy"sv}, std::pair{DeviceStage::failed, "failed"sv},
    std::pair{DeviceStage::reverting, "reverting"sv}, std::pair{DeviceStage::reverted, "reverted"sv}};
constexpr std::array rollout_stages{std::pair{RolloutStage::running, "running"sv},
    std::pair{RolloutStage::paused, "paused"sv}, std::pair{RolloutStage::stopped, "stopped"sv},
    std::pair{RolloutStage::done, "done"sv}, std::pair{RolloutStage::aborted, "aborted"sv},
    std::pair{RolloutStage::reverting, "reverting"sv}, std::pair{RolloutStage::reverted, "reverted"sv}};

template <class Stages, class Stage>
std::string_view name_of(const Stages& stages, Stage stage) {
  return std::find_if(stages.begin(), stages.end(), [&](const auto& s) { return s.first == stage; })->second;
}
template <class Stages>
auto stage_of(const Stages& stages, std::string_view name) {
  const auto found = std::find_if(stages.begin(), stages.end(), [&](const auto& s) { return s.second == name; });
  if (found == stages.end()) throw std::invalid_argument(fmt::format("no stage is called '{}'", name));
  return found->first;
}

std::string minutes(std::int64_t milliseconds) {
  return milliseconds < 120'000 ? fmt::format("{} s", milliseconds / 1000)
                                : fmt::format("{} min", milliseconds / 60'000);
}

constexpr std::int64_t settling = 30'000;

void fail(RolloutDevice& device, std::string words) {
  device.stage = DeviceStage::failed;
  device.words = std::move(words);
}

void wait_again(RolloutDevice& device) {
  device.stage = DeviceStage::waiting;
  device.begun_at = device.away_since = 0;
}

bool away_too_long(RolloutDevice& device, const Standing& standing, const RolloutRules& rules, std::int64_t now) {
  if (!standing.connected && device.away_since == 0) device.away_since = now;
  if (!standing.connected) return now - device.away_since > rules.lost_after;
  if (std::exchange(device.away_since, 0) != 0) device.well_since = now;
  return false;
}

void look_at_begun(RolloutDevice& device, const Standing& standing, const RolloutRules& rules, std::int64_t now) {
  if (!standing.left_out.empty()) return wait_again(device);  // by what a person did meanwhile
  // What is written down of it may be from before it began.
  if (!standing.given_up.empty() && now - device.begun_at >= settling) return fail(device, standing.given_up);
  if (away_too_long(device, standing, rules, now)) {
    if (standing.was_sent) return fail(device, "went away during its update and did not come back");
    return wait_again(device);  // nothing of this is its fault, nor the release's
  }
  // One that lacks something is in safe mode too: that ends with the rest of the release.
  if (!standing.connected || !standing.has_release) return;
  if (standing.safe_mode && !standing.settled) return;  // an application waits for its assets there
  if (standing.safe_mode) return fail(device, "has all of the release, and is in safe mode");
  device.stage = DeviceStage::soaking;
  device.verified_at = device.well_since = now;
  device.reconnections = standing.reconnections;
}

void look_at_soaking(RolloutDevice& device, const Standing& standing, const RolloutRules& rules, std::int64_t now) {
  if (away_too_long(device, standing, rules, now)) return fail(device, "was updated, went away and did not come back");
  if (!standing.connected) return;
  if (standing.safe_mode) return fail(device, "is in safe mode behind its update");
  if (!standing.has_release) return fail(device, "does not keep what it was sent");
  if (standing.reconnections != device.reconnections) {
    device.reconnections = standing.reconnections;
    device.well_since = now;
    if (++device.restarts > rules.restarts)
      return fail(device,
          fmt::format("connected {} times anew within {} behind its update: it resets again and again", device.restarts,
              minutes(now - device.verified_at)));
  }
  const auto well_for = now - device.well_since;
  if (well_for < rules.soak) return;
  // Of this connection: what it was before may have published it too.
  if (rules.health_event.empty() || standing.heard_in >= standing.reconnections)
    device.stage = DeviceStage::healthy;
  else if (well_for >= rules.soak + rules.lost_after)
    fail(device, fmt::format("did not publish '{}' behind its update", rules.health_event));
}

// It was well for long enough; a device that is switched off is no failure, nor one that a person changes.
void look_at_healthy(RolloutDevice& device, const Standing& standing) {
  if (standing.connected && standing.safe_mode && standing.has_release)
    fail(device, "came into safe mode a while behind its update");
}

void look_at_reverting(RolloutDevice& device, const Standing& standing) {
  if (standing.connected && standing.has_previous) device.stage = DeviceStage::reverted;
}

struct Count {
  std::size_t started = 0;
  std::size_t under_way = 0;
  std::size_t unsettled = 0;  ///< neither healthy nor failed
  std::size_t failed = 0;
  std::size_t failed_in_first_wave = 0;
  std::size_t waiting = 0;
};

bool is_left_out(const RolloutDevice& device, const Standing& standing) {
  return device.stage == DeviceStage::waiting && !standing.left_out.empty();
}

Count count(const Rollout& rollout, const std::vector<Standing>& standings) {
  Count count;
  for (std::size_t i = 0; i < rollout.devices.size(); ++i) {
    const auto& device = rollout.devices[i];
    const auto stage = device.stage;
    if (stage == DeviceStage::waiting) {
      count.waiting += !is_left_out(device, standings[i]);
      continue;
    }
    ++count.started;
    count.under_way += stage == DeviceStage::begun;
    count.unsettled += stage == DeviceStage::begun || stage == DeviceStage::soaking;
    if (stage != DeviceStage::failed) continue;
    ++count.failed;
    count.failed_in_first_wave += device.wave == 0;
  }
  return count;
}

// Why it must not go on; empty: it may.
std::string reason_to_stop(const Rollout& rollout, const Count& count) {
  const auto& rules = rollout.rules;
  const auto* why = "";
  for (const auto& device : rollout.devices)
    if (device.stage == DeviceStage::failed) why = device.words.c_str();
  if (count.failed_in_first_wave > 0 && rollout.forgiven == 0)
    return fmt::format("a device of the first wave failed: {}", why);
  const auto failed = count.failed - std::min(count.failed, rollout.forgiven);
  if (failed >= rules.failures && failed * 100 > rules.failure_percent * count.started)
    return fmt::format(
        "{} of {} devices failed, more than {} %; one of them: {}", failed, count.started, rules.failure_percent, why);
  return "";
}

std::size_t count_canaries(const Rollout& rollout, const std::vector<Standing>& standings) {
  std::size_t canaries = 0;
  for (std::size_t i = 0; i < rollout.devices.size(); ++i)
    canaries += rollout.devices[i].canary && !is_left_out(rollout.devices[i], standings[i]);
  return canaries;
}

// How many have begun at the end of a wave. Those that a person wants to see first are the first one.
std::size_t devices_until(const RolloutRules& rules, std::size_t devices, std::size_t canaries, std::size_t wave) {
  if (wave == 0 && canaries > 0) return canaries;
  return std::max(canaries, wave_end(rules, wave, devices));
}

// Whether any does.
bool begin(Rollout& rollout, const std::vector<Standing>& standings, const Count& count, std::size_t canaries,
    std::int64_t now, std::size_t at_once) {
  const auto& rules = rollout.rules;
  const auto less = [](std::size_t most, std::size_t used) { return most - std::min(most, used); };
  const auto last_minute = std::count_if(rollout.devices.begin(), rollout.devices.end(),
      [&](const RolloutDevice& device) { return device.begun_at != 0 && now - device.begun_at < 60'000; });
  // Canaries are waited for.
  const bool only_canaries = rollout.wave == 0 && canaries > 0;
  auto most = rules.at_once != 0 ? rules.at_once : at_once;
  if (rules.bytes_per_second != 0) most = std::min(most, devices_at_rate(rules.bytes_per_second));
  auto room = less(devices_until(rollout.rules, rollout.devices.size(), canaries, rollout.wave), count.started);
  room = std::min(room, less(most, count.under_way));
  if (rules.per_minute != 0) room = std::min(room, less(rules.per_minute, static_cast<std::size_t>(last_minute)));
  bool any = false;
  for (std::size_t i = 0; i < rollout.devices.size() && room > 0; ++i) {
    auto& device = rollout.devices[i];
    const auto& standing = standings[i];
    if (device.stage != DeviceStage::waiting || !standing.connected || !standing.may_begin ||
        !standing.left_out.empty())
      continue;
    if (only_canaries && !device.canary) continue;
    device.stage = DeviceStage::begun;
    device.wave = rollout.wave;
    device.begun_at = now;
    --room;
    any = true;
  }
  return any;
}

Result<void> too_late(const Rollout& rollout) {
  return failure(ErrorKind::conflict, fmt::format("the rollout is {} already", stage_name(rollout.stage)));
}

}  // namespace

Result<std::vector<Wave>> parse_waves(std::string_view words) {
  std::vector<Wave> waves;
  const auto bad = [&](std::string_view part) {
    return failure(ErrorKind::malformed,
        fmt::format(
            "'{}' is no wave: waves are numbers of devices, shares, or 'all', as in \"1, 5%, 25%, all\"", part));
  };
  while (!words.empty()) {
    const auto end = std::min(words.find(','), words.size());
    auto part = words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
    const auto first = std::min(part.find_first_not_of(' '), part.size());
    part = part.substr(first, part.find_last_not_of(' ') + 1 - first);
    Wave wave{100, true};
    if (part != "all") {
      const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), wave.size);
      const auto rest = part.substr(static_cast<std::size_t>(stop - part.data()));
      wave.percent = rest == "%";
      if (error != std::errc() || (!rest.empty() && !wave.percent) || wave.size == 0 ||
          (wave.percent && wave.size > 100))
        return bad(part);
    }
    if (!waves.empty() && waves.back() == Wave{100, true})
      return failure(ErrorKind::malformed, fmt::format("'{}': behind all there is no wave", part));
    if (!waves.empty() && waves.back().percent == wave.percent && waves.back().size >= wave.size)
      return failure(ErrorKind::malformed, fmt::format("'{}': each wave must be larger than the one before", part));
    waves.push_back(wave);
  }
  if (waves.empty()) return bad("");
  if (waves.size() > 20) return failure(ErrorKind::malformed, "more than 20 waves");
  if (waves.back() != Wave{100, true}) waves.push_back({100, true});
  return waves;
}

std::string wave_words(const std::vector<Wave>& waves) {
  std::string words;
  for (const auto& wave : waves) {
    if (!words.empty()) words += ", ";
    words += wave == Wave{100, true} ? "all" : fmt::format("{}{}", wave.size, wave.percent ? "%" : "");
  }
  return words;
}

std::size_t wave_end(const RolloutRules& rules, std::size_t wave, std::size_t devices) {
  std::size_t most = std::min<std::size_t>(1, devices);
  for (std::size_t i = 0; i <= wave && i < rules.waves.size(); ++i) {
    const auto& w = rules.waves[i];
    const auto end = w.percent ? devices * w.size / 100 : w.size;
    most = std::max(most, std::min<std::size_t>(end, devices));
  }
  return wave + 1 >= rules.waves.size() ? devices : most;
}

std::vector<std::size_t> wave_sizes(const RolloutRules& rules, std::size_t devices, std::size_t canaries) {
  std::vector<std::size_t> sizes;
  std::size_t before = 0;
  for (std::size_t wave = 0; wave < rules.waves.size(); ++wave) {
    const auto end = devices_until(rules, devices, canaries, wave);
    sizes.push_back(end - before);
    before = end;
  }
  return sizes;
}

std::int64_t expected_time(const RolloutRules& rules, std::size_t devices, std::size_t canaries,
    std::int64_t per_device, std::size_t at_once) {
  auto most = rules.at_once != 0 ? rules.at_once : at_once;
  if (rules.bytes_per_second != 0) most = std::min(most, devices_at_rate(rules.bytes_per_second));
  std::int64_t time = 0;
  for (const auto size : wave_sizes(rules, devices, canaries)) {
    if (size == 0) continue;
    const auto rounds = static_cast<std::int64_t>((size + most - 1) / most);
    const auto begun = rules.per_minute == 0 ? 0 : static_cast<std::int64_t>(60'000 * (size - 1) / rules.per_minute);
    time += std::max(rounds * per_device, begun) + rules.soak;
  }
  return time;
}

std::size_t devices_at_rate(std::uint64_t bytes_per_second) {
  constexpr std::uint64_t slowest = 8 * 1024;  // bytes a second: one that gets less is given up (transfer/chunked)
  return std::max<std::size_t>(1, bytes_per_second / slowest);
}

bool advance(Rollout& rollout, const std::vector<Standing>& standings, std::int64_t now, std::size_t at_once) {
  const auto stage = rollout.stage;
  const auto wave = rollout.wave;
  bool changed = false;
  for (std::size_t i = 0; i < rollout.devices.size(); ++i) {
    auto& device = rollout.devices[i];
    const auto before = std::tuple(device.stage, device.restarts, device.away_since);
    switch (device.stage) {
      case DeviceStage::begun: look_at_begun(device, standings[i], rollout.rules, now); break;
      case DeviceStage::soaking: look_at_soaking(device, standings[i], rollout.rules, now); break;
      case DeviceStage::healthy: look_at_healthy(device, standings[i]); break;
      case DeviceStage::reverting: look_at_reverting(device, standings[i]); break;
      case DeviceStage::waiting:
      case DeviceStage::failed:
      case DeviceStage::reverted: break;
    }
    changed |= before != std::tuple(device.stage, device.restarts, device.away_since);
  }
  const auto found = count(rollout, standings);
  if (rollout.stage == RolloutStage::running || rollout.stage == RolloutStage::paused) {
    if (auto why = reason_to_stop(rollout, found); !why.empty()) {
      rollout.stage = RolloutStage::stopped;
      rollout.words = std::move(why);
      recall_unsent(rollout, standings);
      changed = true;
    } else if (found.waiting == 0 && found.unsettled == 0) {
      rollout.stage = RolloutStage::done;
    }
  }
  const auto goes_back = [](const RolloutDevice& device) { return device.stage == DeviceStage::reverting; };
  if (rollout.stage == RolloutStage::reverting &&
      std::none_of(rollout.devices.begin(), rollout.devices.end(), goes_back))
    rollout.stage = RolloutStage::reverted;
  if (rollout.stage == RolloutStage::running) {
    const auto canaries = count_canaries(rollout, standings);
    // The next wave, once this one has all its devices and each of them came to an end. Some add nothing in a small
    // fleet.
    const auto full = [&] {
      return found.started >= devices_until(rollout.rules, rollout.devices.size(), canaries, rollout.wave);
    };
    while (full() && found.unsettled == 0 && rollout.wave + 1 < rollout.rules.waves.size()) ++rollout.wave;
    changed |= begin(rollout, standings, found, canaries, now, at_once);
  }
  return changed || stage != rollout.stage || wave != rollout.wave;
}

void recall_unsent(Rollout& rollout, const std::vector<Standing>& standings) {
  for (std::size_t i = 0; i < rollout.devices.size(); ++i)
    if (rollout.devices[i].stage == DeviceStage::begun && !standings[i].was_sent) wait_again(rollout.devices[i]);
}

Result<void> pause_rollout(Rollout& rollout) {
  if (rollout.stage != RolloutStage::running) return too_late(rollout);
  rollout.stage = RolloutStage::paused;
  return {};
}

Result<void> resume_rollout(Rollout& rollout) {
  if (rollout.stage != RolloutStage::paused && rollout.stage != RolloutStage::stopped) return too_late(rollout);
  if (rollout.stage == RolloutStage::stopped)
    rollout.forgiven = static_cast<std::size_t>(std::count_if(rollout.devices.begin(), rollout.devices.end(),
        [](const RolloutDevice& device) { return device.stage == DeviceStage::failed; }));
  rollout.stage = RolloutStage::running;
  rollout.words.clear();
  return {};
}

Result<void> abort_rollout(Rollout& rollout) {
  // Also on the way back: a device that never comes again must not hold the others for ever.
  if (rollout.stage == RolloutStage::done || rollout.stage == RolloutStage::aborted ||
      rollout.stage == RolloutStage::reverted)
    return too_late(rollout);
  rollout.stage = RolloutStage::aborted;
  for (auto& device : rollout.devices)
    if (device.stage == DeviceStage::reverting) fail(device, "was not taken back: that was aborted");
  return {};
}

Result<void> revert_rollout(Rollout& rollout) {
  if (rollout.stage == RolloutStage::reverting || rollout.stage == RolloutStage::reverted) return too_late(rollout);
  rollout.stage = RolloutStage::reverting;
  for (auto& device : rollout.devices)
    if (device.stage != DeviceStage::waiting) device.stage = DeviceStage::reverting;
  return {};
}

std::string_view stage_name(DeviceStage stage) {
  return name_of(device_stages, stage);
}
std::string_view stage_name(RolloutStage stage) {
  return name_of(rollout_stages, stage);
}
DeviceStage device_stage(std::string_view name) {
  return stage_of(device_stages, name);
}
RolloutStage rollout_stage(std::string_view name) {
  return stage_of(rollout_stages, name);
}

}  // namespace drydock::planning
