// One function a command, one file a family. They print, and return the exit status.
#pragma once

#include "state/configuration.hpp"

#include <string>
#include <vector>

namespace drydock::cli {

struct Context {
  state::Configuration configuration;
  std::filesystem::path configuration_file;  ///< that was read; empty: there was none
  bool json = false;
};

/// "drydock: …" on standard error; returns 1.
int print_error(const std::string& message);

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
};
int devices_list(const Context& context, const DeviceFilter& which);
int devices_show(const Context& context, const std::string& device);
struct Approval {
  std::string new_key;  ///< the beginning of its fingerprint
  bool retry = false;
};
int devices_approve(const Context& context, const std::vector<std::string>& devices, const Approval& how);
int devices_refuse(const Context& context, const std::vector<std::string>& devices);
int devices_hold(const Context& context, const std::vector<std::string>& devices, bool release);
int devices_forget(const Context& context, const std::vector<std::string>& devices);
int devices_forget_pending(const Context& context);
int devices_force(const Context& context, const std::vector<std::string>& devices, bool take_back);
int devices_rename(const Context& context, const std::string& device, const std::string& name);
int devices_target(
    const Context& context, const std::string& device, const std::vector<std::string>& modules, bool clear);

int devices_group(const Context& context, const std::string& group, const std::vector<std::string>& devices);

struct NewRelease {
  std::string name;
  std::vector<std::string> files;  ///< of the library
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
  bool all = false;
  std::string waves;
  unsigned soak_minutes = 10;
  unsigned lost_after_minutes = 30;
  unsigned failures = 2;
  unsigned failure_percent = 5;
  unsigned at_once = 0;
  unsigned per_minute = 0;
  bool downgrade = false;
  bool dry_run = false;
};
int rollouts_start(const Context& context, const NewRollout& rollout);
int rollouts_list(const Context& context);
int rollouts_show(const Context& context, std::int64_t id);
enum class Steer { pause, resume, abort, revert };
int rollouts_steer(const Context& context, std::int64_t id, Steer how);

struct PlanOptions {
  std::filesystem::path describe;
  std::string from;                             ///< instead of a Describe: a release of Device OS
  std::string to;                               ///< with `from`
  std::string platform;                         ///< with `from`, or when the Describe does not say
  std::vector<std::filesystem::path> firmware;  ///< files or folders to plan with, instead of the library
  std::vector<std::filesystem::path> targets;   ///< modules the device should end with
};
int plan(const Context& context, const PlanOptions& options);

int status(const Context& context);
int nodes_list(const Context& context);
int password_reset(const Context& context);

int check(const Context& context);
int backup(const Context& context, const std::filesystem::path& file);
int finish_restore(const Context& context);
int store_move(const Context& context, const std::string& to, bool replace);
int restore(const Context& context, const std::filesystem::path& file, bool replace);

}  // namespace drydock::cli
