// rollout_simulation --histories N [--first S] [--plant]: fleets of 10 to 2,000 devices get good and bad releases in
// waves, on a virtual clock. Says for each kind of release how much of a fleet it cost; ends with status 1 and the seed
// when a rollout cost more than it may, left a healthy device behind, or sent something where it must not.
#include "planning/rollout.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <fmt/core.h>
#include <future>
#include <map>
#include <random>
#include <set>

using namespace drydock::planning;

namespace {

constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;

// Of all devices, and of one group; the clock when a history begins.
const WindowWords fleet_hours{"00:00-20:00", "", ""};
const WindowWords group_hours{"mon-sat 05:00-23:00", "Europe/Berlin", "2026-11-05/2026-11-06"};
constexpr std::int64_t clock_at_begin = 1'793'491'200'000;  // 2026-11-01 00:00 UTC, a Sunday

enum class Kind { good, never_boots, safe_mode, refused, loses_network, resets, one_platform, three_percent, unkept };
const std::map<Kind, const char*> kinds{{Kind::good, "good"}, {Kind::never_boots, "never boots"},
    {Kind::safe_mode, "boots into safe mode"}, {Kind::refused, "is refused by the device"},
    {Kind::loses_network, "loses the network after a minute"}, {Kind::resets, "resets every 10 minutes"},
    {Kind::one_platform, "one platform in five never boots"}, {Kind::three_percent, "3 % never boot"},
    {Kind::unkept, "falls back behind the update"}};
// All devices break, and a look finds out at once or within the soak.
bool fails_everywhere(Kind kind) {
  return kind != Kind::good && kind != Kind::one_platform && kind != Kind::three_percent;
}

struct Device {
  bool broken = false;  ///< by this release
  bool connected = true;
  bool dead = false;
  std::int64_t reconnections = 1;
  std::int64_t has_release_at = -1;  ///< of the update under way
  std::int64_t back_at = -1;         ///< of an absence
  std::int64_t reset_at = -1;
  bool has_release = false;
  bool was_sent = false;
  bool safe_mode = false;
  bool refused = false;
  std::int64_t update_time = 0;
  std::int64_t leaves_at = 0;  ///< the next time for some minutes
  WindowWords window;          ///< of its group
  bool has_newer = false;      ///< a person gave it something newer by USB
};

struct Outcome {
  std::string violation;
  Kind kind = Kind::good;
  std::size_t devices = 0;
  std::size_t lost = 0;
  RolloutStage stage = RolloutStage::running;
  std::int64_t time = 0;
  bool reverted = false;
};

class History {
public:
  History(std::uint32_t seed, bool plant) : random_(seed), plant_(plant) {
    outcome_.kind = static_cast<Kind>(draw(0, static_cast<int>(kinds.size()) - 1));
    const double size = std::exp(std::uniform_real_distribution<double>(std::log(10.0), std::log(2000.0))(random_));
    outcome_.devices = static_cast<std::size_t>(size);
    auto& rules = rollout_.rules;
    rules.waves = draw(0, 1) ? rules.waves
                             : std::vector<Wave>{{static_cast<unsigned>(draw(1, 5)), false}, {10, true}, {100, true}};
    rules.soak = draw(11, 30) * minute;
    rules.lost_after = draw(10, 40) * minute;
    rules.at_once = draw(0, 2) ? 0 : static_cast<unsigned>(draw(1, 20));
    rules.per_minute = draw(0, 3) ? 0 : static_cast<unsigned>(draw(5, 100));
    rules.restarts = static_cast<unsigned>(draw(3, 5));
    for (std::size_t i = 0; i < outcome_.devices; ++i) {
      RolloutDevice device;
      device.canary = i == 3;
      rollout_.devices.push_back(device);
      Device body;
      body.update_time = draw(40, 300) * second;
      body.leaves_at = next_absence();
      body.broken = fails_everywhere(outcome_.kind) || (outcome_.kind == Kind::one_platform && i % 5 == 1) ||
          (outcome_.kind == Kind::three_percent && draw(0, 99) < 3);
      if (draw(0, 19) == 0) leave(body, 0, draw(10, 600) * minute);
      if (i % 7 == 2) body.window = group_hours;
      devices_.push_back(body);
    }
    revert_at_end_ = draw(0, 2) != 0;
    pause_at_ = draw(0, 4) ? -1 : draw(1, 120) * minute;
  }

  Outcome run() {
    std::vector<Standing> standings(devices_.size());
    for (; outcome_.violation.empty() && now_ < 30 * 24 * 60 * minute; now_ += step_) {
      live();
      fleet_open_ = is_open(fleet_hours, clock_at_begin + now_);
      group_open_ = is_open(group_hours, clock_at_begin + now_);
      for (std::size_t i = 0; i < devices_.size(); ++i) standings[i] = standing(devices_[i]);
      decide();
      const auto begun_before = begun();
      const auto stage_before = rollout_.stage;
      advance(rollout_, standings, now_, 50);
      if (plant_ && rollout_.stage == RolloutStage::running && rollout_.wave + 1 < rollout_.rules.waves.size())
        ++rollout_.wave;
      check(begun_before, stage_before);
      if (ended()) break;
    }
    outcome_.stage = stage_of_spreading_;
    outcome_.time = now_;
    judge();
    return outcome_;
  }

private:
  int draw(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }

  std::int64_t next_absence() {
    return static_cast<std::int64_t>(std::exponential_distribution<double>(1.0 / (33.0 * 60))(random_)) * minute;
  }

  bool may_be_sent_something(const Device& device) const {
    return fleet_open_ && (device.window.empty() || group_open_);
  }

  Standing standing(const Device& device) const {
    Standing standing;
    standing.connected = device.connected;
    standing.may_begin = may_be_sent_something(device);
    if (device.has_newer) standing.left_out = "has something newer";
    standing.reconnections = device.reconnections;
    standing.safe_mode = device.safe_mode;
    standing.has_release = device.has_release;
    standing.was_sent = device.was_sent;
    standing.has_previous = !device.has_release;
    if (device.refused) standing.given_up = "refused three times";
    return standing;
  }

  void leave(Device& device, std::int64_t now, std::int64_t time) {
    device.connected = false;
    device.back_at = now + time;
  }

  // What devices do between two looks.
  void live() {
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      auto& device = devices_[i];
      if (device.dead) continue;
      if (!device.connected && device.back_at >= 0 && now_ >= device.back_at) {
        device.connected = true;
        ++device.reconnections;
        device.back_at = -1;
      }
      if (device.reset_at >= 0 && now_ >= device.reset_at) {
        ++device.reconnections;
        device.reset_at = now_ + 10 * minute;
      }
      const auto stage = rollout_.devices[i].stage;
      const bool wanted = stage == DeviceStage::begun;
      // Also behind it: what was under way when it was called back may still arrive.
      const bool unwanted = stage == DeviceStage::reverting || stage == DeviceStage::reverted;
      if (device.has_release_at < 0 && device.connected &&
          ((wanted && !device.has_release && !device.refused) || (unwanted && device.has_release)))
        start_transfer(device);
      if (device.has_release_at >= 0 && now_ >= device.has_release_at && device.connected) {
        device.has_release_at = -1;
        unwanted ? install_previous(device) : install(device);
      }
      // Somebody gives one in a hundred something newer while it waits.
      device.has_newer |= stage == DeviceStage::waiting && i % 100 == 50 && now_ >= 20 * minute;
      // Anybody may be away for some minutes now and then.
      if (now_ < device.leaves_at) continue;
      device.leaves_at = now_ + next_absence();
      if (device.connected && device.has_release_at < 0) leave(device, now_, draw(10, 400) * second);
    }
  }

  void start_transfer(Device& device) {
    device.was_sent = true;
    device.has_release_at = now_ + device.update_time;
  }

  void install_previous(Device& device) {
    device.has_release = device.safe_mode = false;
    device.reset_at = -1;
    ++device.reconnections;
  }

  void install(Device& device) {
    device.has_release = true;
    ++device.reconnections;
    if (!device.broken) return;
    switch (outcome_.kind) {
      case Kind::never_boots:
      case Kind::one_platform:
      case Kind::three_percent: return die(device);
      case Kind::safe_mode: device.safe_mode = true; break;
      case Kind::refused:
        device.has_release = false;
        device.refused = true;
        break;
      case Kind::loses_network: device.back_at = -1; return die(device);
      case Kind::resets: device.reset_at = now_ + 10 * minute; break;
      case Kind::unkept:
        device.has_release = draw(0, 1) != 0 ? false : true;
        device.reset_at = now_ + 10 * minute;
        break;
      case Kind::good: break;
    }
  }
  void die(Device& device) {
    device.dead = true;
    device.connected = false;
  }

  // What people do.
  void decide() {
    if (pause_at_ >= 0 && now_ >= pause_at_ && pause_rollout(rollout_)) {
      pause_at_ = -1;
      resume_at_ = now_ + draw(1, 90) * minute;
    }
    if (now_ >= resume_at_ && rollout_.stage == RolloutStage::paused) (void)resume_rollout(rollout_);
    const bool over = rollout_.stage == RolloutStage::stopped || rollout_.stage == RolloutStage::done;
    if (over && revert_at_end_ && revert_rollout(rollout_)) outcome_.reverted = true;
  }

  std::set<std::size_t> begun() const {
    std::set<std::size_t> set;
    for (std::size_t i = 0; i < devices_.size(); ++i)
      if (rollout_.devices[i].stage != DeviceStage::waiting) set.insert(i);
    return set;
  }

  void check(const std::set<std::size_t>& before, RolloutStage stage_before) {
    const auto now = begun();
    if (rollout_.stage == RolloutStage::stopped || rollout_.stage == RolloutStage::done)
      stage_of_spreading_ = rollout_.stage;
    if (now.size() == before.size()) return;
    if (stage_before != RolloutStage::running) outcome_.violation = "a device began in a rollout that does not run";
    for (const auto i : now) {
      if (before.contains(i)) continue;
      if (!devices_[i].connected) outcome_.violation = "a device began that is away";
      if (!may_be_sent_something(devices_[i])) outcome_.violation = "a device began while it was no time for it";
      if (devices_[i].has_newer) outcome_.violation = "a device began that has something newer";
    }
    if (before.empty() && !rollout_.devices[3].begun_at && !devices_[3].has_newer)
      outcome_.violation = "the canary was not the first";
    // The promise of waves: more than the first begins when the first has proved well.
    const auto first = std::size_t{1};  // there is a canary
    if (now.size() > first && before.size() <= first)
      for (const auto i : before)
        if (rollout_.devices[i].stage != DeviceStage::healthy)
          outcome_.violation = "the second wave began before the first had proved well";
    const auto& rules = rollout_.rules;
    const auto under_way = std::count_if(rollout_.devices.begin(), rollout_.devices.end(),
        [](const RolloutDevice& device) { return device.stage == DeviceStage::begun; });
    if (rules.at_once != 0 && under_way > static_cast<std::ptrdiff_t>(rules.at_once))
      outcome_.violation = "more devices under way than may be at once";
  }

  bool ended() const {
    switch (rollout_.stage) {
      case RolloutStage::stopped:
      case RolloutStage::done: return !revert_at_end_;
      case RolloutStage::reverting:
      case RolloutStage::reverted:
        return std::none_of(devices_.begin(), devices_.end(),
            [](const Device& device) { return !device.dead && (device.has_release || device.has_release_at >= 0); });
      default: return false;
    }
  }

  void judge() {
    const auto lost = static_cast<std::size_t>(
        std::count_if(devices_.begin(), devices_.end(), [](const Device& d) { return d.dead || d.refused; }));
    const auto failed = static_cast<std::size_t>(std::count_if(rollout_.devices.begin(), rollout_.devices.end(),
        [](const RolloutDevice& d) { return d.stage == DeviceStage::failed; }));
    outcome_.lost = std::max(lost, failed);
    if (!outcome_.violation.empty()) return;
    const auto first = wave_end(rollout_.rules, 0, devices_.size());
    const auto most = std::max({std::size_t{1}, first, devices_.size() / 100});
    if (fails_everywhere(outcome_.kind)) {
      if (outcome_.lost > most)
        outcome_.violation = fmt::format("{} devices lost, not {} at most", outcome_.lost, most);
      if (stage_of_spreading_ != RolloutStage::stopped) outcome_.violation = "a bad release did not stop";
    }
    // A share that breaks: no more than that of those that began may be lost, and beyond the threshold it stops.
    const auto started = begun().size();
    if (stage_of_spreading_ == RolloutStage::done && !outcome_.reverted &&
        outcome_.lost * 100 > rollout_.rules.failure_percent * started && outcome_.lost >= rollout_.rules.failures)
      outcome_.violation = fmt::format("{} of {} failed, and it did not stop", outcome_.lost, started);
    if (outcome_.kind == Kind::good) {
      if (stage_of_spreading_ != RolloutStage::done)
        outcome_.violation =
            fmt::format("a good release ended as {}: {}", stage_name(stage_of_spreading_), rollout_.words);
      if (!outcome_.reverted &&
          !std::equal(rollout_.devices.begin(), rollout_.devices.end(), devices_.begin(),
              [](const RolloutDevice& d, const Device& body) {
                return d.stage == (body.has_newer ? DeviceStage::waiting : DeviceStage::healthy);
              }))
        outcome_.violation = "a good release did not reach every device, or one that has something newer";
    }
    if (outcome_.reverted)
      for (std::size_t i = 0; i < devices_.size(); ++i)
        if (!devices_[i].dead && devices_[i].has_release) outcome_.violation = "a device kept what was taken back";
  }

  std::mt19937 random_;
  bool plant_;
  Rollout rollout_;
  std::vector<Device> devices_;
  Outcome outcome_;
  RolloutStage stage_of_spreading_ = RolloutStage::running;
  std::int64_t now_ = 1;
  std::int64_t step_ = minute;
  std::int64_t pause_at_ = -1;
  std::int64_t resume_at_ = 0;
  bool fleet_open_ = true;
  bool group_open_ = true;
  bool revert_at_end_ = false;
};

struct Row {
  std::size_t histories = 0, devices = 0, lost = 0, stopped = 0, done = 0, most_lost = 0;
  double worst_share = 0;

  void add(const Outcome& outcome) {
    const auto share = 100.0 * static_cast<double>(outcome.lost) / static_cast<double>(outcome.devices);
    const bool did_stop = outcome.stage == RolloutStage::stopped;
    const bool came_through = outcome.stage == RolloutStage::done;
    add(Row{1, outcome.devices, outcome.lost, did_stop, came_through, outcome.lost, share});
  }
  void add(const Row& other) {
    histories += other.histories;
    devices += other.devices;
    lost += other.lost;
    stopped += other.stopped;
    done += other.done;
    most_lost = std::max(most_lost, other.most_lost);
    worst_share = std::max(worst_share, other.worst_share);
  }
};

constexpr std::uint32_t workers = 2;

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Simulated rollouts of good and bad releases");
  std::uint32_t histories = 1000;
  std::uint32_t first = 1;
  bool plant = false;
  app.add_option("--histories", histories, "How many")->capture_default_str();
  app.add_option("--first", first, "The first seed")->capture_default_str();
  app.add_flag("--plant", plant, "Plant a bug: waves do not wait for those before");
  CLI11_PARSE(app, argc, argv);
  std::atomic<bool> failed = false;
  const auto run = [&](std::uint32_t from) {
    std::map<Kind, Row> rows;
    for (auto seed = from; seed < first + histories && !failed; seed += workers) {
      const auto outcome = History(seed, plant).run();
      if (!outcome.violation.empty()) {
        fmt::print("seed {} ({}, {} devices): {}\n", seed, kinds.at(outcome.kind), outcome.devices, outcome.violation);
        failed = true;
      }
      rows[outcome.kind].add(outcome);
    }
    return rows;
  };
  auto other = std::async(std::launch::async, run, first + 1);
  auto rows = run(first);
  for (const auto& [kind, row] : other.get()) rows[kind].add(row);
  if (failed) return 1;
  fmt::print("{:34} {:>9} {:>9} {:>8} {:>8} {:>7} {:>9} {:>9}\n", "a release that", "histories", "devices", "stopped",
      "done", "lost", "at most", "of fleet");
  for (const auto& [kind, row] : rows)
    fmt::print("{:34} {:9} {:9} {:8} {:8} {:7} {:9} {:7.1f} %\n", kinds.at(kind), row.histories, row.devices,
        row.stopped, row.done, row.lost, row.most_lost, row.worst_share);
  fmt::print("{} histories\n", histories);
}
