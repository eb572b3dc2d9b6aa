#include "web/metrics_page.hpp"

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "firmware/platforms.hpp"
#include "version.hpp"

#include <filesystem>
#include <fmt/core.h>
#include <fstream>
#include <sstream>
#include <ctime>
#include <sys/resource.h>
#include <unistd.h>

namespace drydock::web {
namespace {

using metrics::Sample;

constexpr auto counted_every = std::chrono::seconds(1);
// A label's values must stay few: of older ones only how many there are is told.
constexpr int rollouts_told = 20;

std::vector<std::string> fields_of_process() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The program's name may have blanks in it, and ends with the last bracket.
  std::istringstream rest(line.substr(std::min(line.rfind(')') + 1, line.size())));
  std::vector<std::string> fields{"pid", "name"};
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

// Worked out once, for clocks are set; the unit's sandbox leaves nothing in /proc that would say when the machine was
// started.
double started_at(double seconds_behind_boot) {
  static const double started = [seconds_behind_boot] {
    timespec since_boot{};
    ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
    const auto age = static_cast<double>(since_boot.tv_sec) + static_cast<double>(since_boot.tv_nsec) / 1e9;
    return static_cast<double>(utc_milliseconds()) / 1e3 - age + seconds_behind_boot;
  }();
  return started;
}

double descriptors_open() {
  std::error_code none;
  double count = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", none), end; !none && at != end; at.increment(none))
    ++count;
  return count;
}

// As Prometheus' own client libraries name them; see proc(5) for the fields.
void print_process(std::string& to, bool open) {
  constexpr std::size_t user_time = 13, system_time = 14, started = 21, resident_pages = 23;
  const auto fields = fields_of_process();
  if (fields.size() <= resident_pages) return;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto number = [&](std::size_t at) { return std::stod(fields[at]); };
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto one = [&](const char* name, const char* help, const char* type, double value) {
    metrics::print_family(to, name, help, type, {{"", value}}, open);
  };
  one("process_cpu_seconds_total", "Time of processors spent.", "counter",
      (number(user_time) + number(system_time)) / ticks);
  one("process_max_fds", "How many descriptors may be open.", "gauge", static_cast<double>(limit.rlim_cur));
  one("process_open_fds", "How many descriptors are open.", "gauge", descriptors_open());
  one("process_resident_memory_bytes", "Memory that is not swapped out.", "gauge",
      number(resident_pages) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  one("process_start_time_seconds", "When it was started, since 1970.", "gauge", started_at(number(started) / ticks));
}

// A number that no table knows may be anybody's: each would be a series.
std::string platform_of(std::uint16_t platform) {
  return firmware::find_platform(platform) == nullptr ? "other"
                                                      : metrics::label_value(firmware::platform_name(platform));
}

}  // namespace

std::optional<MetricsPage::Counts> MetricsPage::count() const {
  const std::lock_guard lock(counting_);
  const auto now = Clock::now();
  if (counted_ != Clock::time_point{} && now - counted_ < counted_every) return counts_;
  try {
    auto lease = readers_.lease();
    auto& db = *lease;
    counts_.devices = store::count_devices_by_platform(db, store::away_before(away_days_, utc_milliseconds()));
    counts_.rollouts = store::count_rollouts(db);
    counts_.messages = {};
    for (const auto& [integration, count] : store::count_deliveries(db)) {
      counts_.messages.waiting += count.waiting;
      counts_.messages.dead += count.dead;
    }
    counts_.rollout_devices = store::count_rollout_devices(db, rollouts_told);
    counted_ = now;
    return counts_;
  } catch (const std::exception& e) {
    log::debug("the fleet cannot be counted for /metrics: {}", e.what());
    return std::nullopt;
  }
}

std::string MetricsPage::text(bool open, int event_streams) const {
  const auto counted = count();
  const auto counts = counted.value_or(Counts{});
  const auto snapshot = bridge_.snapshot();
  std::string to;
  const auto family = [&](const char* name, const char* help, const std::vector<Sample>& samples) {
    metrics::print_family(to, name, help, "gauge", samples, open);
  };
  family("drydock_build_info", "The version that runs.", {{fmt::format("version=\"{}\"", version), 1}});

  family("drydock_database_up", "0 while the database cannot be read: then the fleet is not counted here.",
      {{"", counted ? 1.0 : 0.0}});
  std::vector<Sample> devices, in_safe_mode;
  std::map<std::string, std::int64_t> by_labels;
  std::map<std::string, std::int64_t> safe_by_platform;
  for (const auto& count : counts.devices) {
    const auto platform = platform_of(count.platform);
    by_labels[fmt::format("platform=\"{}\",state=\"{}\"", platform, count.shown_state)] += count.devices;
    safe_by_platform[platform] += count.in_safe_mode;
  }
  for (const auto& [labels, count] : by_labels) devices.push_back({labels, static_cast<double>(count)});
  for (const auto& [platform, count] : safe_by_platform)
    in_safe_mode.push_back({fmt::format("platform=\"{}\"", platform), static_cast<double>(count)});
  family("drydock_devices", "Devices by where they stand, as the page shows it.", devices);
  family("drydock_devices_in_safe_mode", "Devices that said so last.", in_safe_mode);
  family("drydock_devices_connected", "Devices that are connected.", {{"", static_cast<double>(snapshot->connected)}});
  family("drydock_library_files", "Firmware files in the library.",
      {{"", static_cast<double>(snapshot->library->size())}});
  family("drydock_updates_paused", "1 while a person holds all updates.", {{"", snapshot->paused ? 1.0 : 0.0}});
  family("drydock_updates_running", "Devices that have the right to be sent a module.",
      {{"", static_cast<double>(snapshot->updates_running)}});
  family("drydock_updates_waiting", "Devices that wait for one of these to end.",
      {{"", static_cast<double>(snapshot->updates_waiting)}});
  family("drydock_event_streams", "Event streams of Particle's API that are open.",
      {{"", static_cast<double>(event_streams)}});
  family("drydock_event_loop_longest_delay_seconds",
      "The longest that work waited on the event loop within the last minute or two.",
      {{"", std::chrono::duration<double>(snapshot->longest_delay).count()}});

  std::vector<Sample> rollouts, rollout_devices;
  for (const auto& [stage, count] : counts.rollouts)
    rollouts.push_back({fmt::format("stage=\"{}\"", stage), static_cast<double>(count)});
  for (const auto& count : counts.rollout_devices)
    rollout_devices.push_back({fmt::format("release=\"{}\",rollout=\"{}\",stage=\"{}\"",
                                   metrics::label_value(count.release), count.rollout, count.stage),
        static_cast<double>(count.devices)});
  family("drydock_rollouts", "Rollouts by how far they are.", rollouts);
  family("drydock_rollout_devices", "Devices of rollouts that are not over.", rollout_devices);

  family("drydock_messages_waiting", "Events that webhooks, e-mail and ntfy wait to tell.",
      {{"", static_cast<double>(counts.messages.waiting)}});
  family("drydock_messages_dead", "Events that were tried too often, and wait for a person.",
      {{"", static_cast<double>(counts.messages.dead)}});

  const char* last = "";
  for (const auto* metric : metrics::all()) {
    if (std::string_view(last) != metric->name())
      metrics::print_head(to, metric->name(), metric->help(), metric->type(), open);
    last = metric->name();
    metric->print(to);
  }
  print_process(to, open);
  if (open) to += "# EOF\n";
  return to;
}

}  // namespace drydock::web
