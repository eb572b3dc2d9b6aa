// One function a command, one file a family. They print, and return the exit status.
#pragma once

#include "state/configuration.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drydock::cli {

/// A change by a command, as the audit has it.
struct AuditNote {
  std::string what;     ///< the command
  std::int64_t id = 0;  ///< its row, once it has opened the store to change something
};

struct Context {
  state::Configuration configuration;
  std::filesystem::path configuration_file;  ///< that was read; empty: there was none
  bool json = false;
  std::shared_ptr<AuditNote> audit = {};
};

/// "drydock: …" on standard error; returns 1.
int print_error(const std::string& message);
/// The last one; empty: there was none.
std::string last_error_printed();

int serve(const Context& context);

struct DemoOptions {
  std::filesystem::path firmware;  ///< folder with real Photon modules 040_*.bin and 043_*.bin; empty: made-up ones
  bool fast = false;               ///< devices without the delays of real flash memory
};
int demo(const DemoOptions& options);

int keys_create(const Context& context, bool lost);
int keys_show(const Context& context);
struct KeyExport {
  std::filesystem::path output;  ///< empty: a name that says which key it is
  std::string host;              ///< empty: this machine's address, where there is only one
  bool udp = false;              ///< the EC key of UDP devices
  bool whole_file = false;       ///< what dfu-util writes, with address and port, instead of the bare key
  bool force = false;
};
int keys_export(const Context& context, const KeyExport& what);

int firmware_add(const Context& context, const std::vector<std::filesystem::path>& files);
int firmware_list(const Context& context);
int firmware_inspect(const Context& context, const std::vector<std::filesystem::path>& files);
int firmware_remove(const Context& context, const std::vector<std::string>& names);

/// Empty: all.
struct DeviceFilter {
  std::string state;
  std::string search;
  std::string group;
  std::string label;
};
int devices_list(const Context& context, const DeviceFilter& which);
int devices_show(const Context& context, const std::string& device);
struct Approval {
  std::string new_key;  ///< the beginning of its fingerprint
  bool retry = false;
};
int devices_approve(const Context& context, const std::vector<std::string>& devices, const Approval& how);
int devices_refuse(const Context& context, const std::vector<std::string>& devices);
/// Those named, or all of a group, of a platform, or all that were let in.
struct DeviceSelection {
  std::vector<std::string> names;
  std::string group;
  std::string platform;
  bool all = false;
};
int devices_hold(const Context& context, const DeviceSelection& devices, bool release);
/// Asks first, unless `yes`.
int devices_forget(const Context& context, const std::vector<std::string>& devices, bool yes);
int devices_replace(const Context& context, const std::string& old, const std::string& by, bool yes);
int devices_forget_pending(const Context& context, bool yes);
int devices_force(const Context& context, const DeviceSelection& devices, bool take_back);
int devices_rename(const Context& context, const std::string& device, const std::string& name);
int devices_target(
    const Context& context, const std::string& device, const std::vector<std::string>& modules, bool clear);

int devices_group(const Context& context, const std::string& group, const std::vector<std::string>& devices);

int devices_label(const Context& context, const std::string& label, const DeviceSelection& devices, bool has);

int groups_list(const Context& context);
struct NewGroupRule {
  std::string group;
  std::string platform;
  std::optional<std::uint16_t> product;
  std::string name;
  std::string addresses;
};
int groups_add_rule(const Context& context, const NewGroupRule& rule);
int groups_remove_rule(const Context& context, std::int64_t rule);

/// One of them.
struct TargetScope {
  bool all = false;
  std::string platform;
  std::string group;
  std::string device;
};
struct TargetChange {
  bool latest = false;
  bool needs = false;
  std::string at_least;
  std::string exactly;
  std::string release;
  bool downgrade = false;
  bool hold = false;
  bool release_hold = false;
  std::optional<std::string> hours;
  std::optional<std::string> time_zone;
  std::optional<std::string> blackout;
};
int targets_list(const Context& context);
int targets_show(const Context& context, const std::string& device);
int targets_set(const Context& context, const TargetScope& scope, const TargetChange& change);
int targets_clear(const Context& context, const TargetScope& scope);

int audit(const Context& context, int most, bool csv);

struct NewRelease {
  std::string name;
  std::vector<std::string> files;           ///< of the library
  std::vector<std::filesystem::path> from;  ///< files, folders, archives that come into the library first
  std::string notes;
};
int releases_create(const Context& context, const NewRelease& release);
int releases_list(const Context& context);
int releases_show(const Context& context, const std::string& name);
int releases_remove(const Context& context, const std::string& name);

/// Empty, and 0: what planning::RolloutRules says.
struct NewRollout {
  std::string release;
  std::vector<std::string> devices;
  std::vector<std::string> canaries;
  std::string group;
  std::string label;
  bool all = false;
  std::string waves;
  unsigned soak_minutes = 10;
  unsigned lost_after_minutes = 30;
  unsigned failures = 2;
  unsigned failure_percent = 5;
  unsigned at_once = 0;
  unsigned per_minute = 0;
  unsigned bytes_per_second = 0;
  std::string hours;
  std::string time_zone;
  std::string blackout;
  std::string health_event;
  bool forced = false;
  bool downgrade = false;
  bool dry_run = false;
};
int rollouts_start(const Context& context, const NewRollout& rollout);
int rollouts_list(const Context& context);
int rollouts_show(const Context& context, std::int64_t id);
int rollouts_remove(const Context& context, std::int64_t id);
enum class Steer { pause, resume, abort, revert };
int rollouts_steer(const Context& context, std::int64_t id, Steer how, bool force);

struct PlanOptions {
  std::filesystem::path describe;
  std::string from;                             ///< instead of a Describe: a release of Device OS
  std::string to;                               ///< with `from`
  std::string platform;                         ///< with `from`, or when the Describe does not say
  std::vector<std::filesystem::path> firmware;  ///< files or folders to plan with, instead of the library
  std::vector<std::filesystem::path> targets;   ///< modules the device should end with
};
int plan(const Context& context, const PlanOptions& options);

/// One on another machine.
struct RemoteDrydock {
  std::string url;                   ///< of its page
  std::filesystem::path token_file;  ///< empty: the environment has the token
  std::filesystem::path ca;          ///< PEM of the page's certificate, or who signed it
};

/// Firmware files that become a release at a Drydock on another machine.
struct ReleasePush {
  std::string name;
  std::vector<std::filesystem::path> files;  ///< or folders, or archives
  RemoteDrydock remote;
  std::string notes;
};
int release_push(const Context& context, const ReleasePush& push);

struct WaitOptions {
  DeviceSelection devices;
  std::int64_t rollout = 0;  ///< instead of devices: until it is done
  RemoteDrydock remote;      ///< no URL: it is this machine's
  bool current = false;      ///< they have all they need; the default
  bool connected = false;
  std::string timeout = "10m";
};
/// 0: they are; 1: an error; 3: somebody has to do something first; 124: not in time.
int wait(const Context& context, WaitOptions options);
/// `once`: prints it and ends.
int watch(const Context& context, bool once);

int status(const Context& context);
int pause(const Context& context, bool paused);
/// Names of one kind, a line each, for the shell's completion; nothing when they cannot be read.
int names(const Context& context, const std::string& kind);
int nodes_list(const Context& context);
int password_reset(const Context& context);

int check(const Context& context);
int backup(const Context& context, const std::filesystem::path& file);
int finish_restore(const Context& context);
int store_move(const Context& context, const std::string& to, bool replace);
int restore(const Context& context, const std::filesystem::path& file, bool replace);

}  // namespace drydock::cli
