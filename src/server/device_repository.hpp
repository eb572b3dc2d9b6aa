// What a session writes down, each function one transaction: nothing here touches the loop's own data.
#pragma once

#include "server/service_uptime.hpp"
#include "base/log.hpp"
#include "planning/attempts.hpp"
#include "planning/update_policy.hpp"
#include "store/changes.hpp"
#include "store/devices.hpp"
#include "store/history.hpp"
#include "store/ownership.hpp"
#include "store/updates.hpp"
#include "store/writer.hpp"

namespace drydock::server {

/// Something that happened, for log and history.
struct HistoryRecord {
  std::string device_id;  ///< empty: no known device
  std::string kind;
  std::string words;
};

class DeviceRepository {
public:
  DeviceRepository(store::Writer& writer, ServiceUptime& running) : writer_(writer), uptime_(running) {}

  /// To the log at `level`, and to the history. Words are cut to limits::message_length.
  void record(log::Level level, HistoryRecord record);
  /// To the log alone.
  static void tell(log::Level level, const HistoryRecord& record);

  /// What the store has of a device, or nothing.
  struct StoredDevice {
    store::DeviceRow row;
    planning::UpdatePolicy policy;
    std::vector<firmware::InstalledModule> modules;
    bool step_to_judge = false;
    std::size_t steps_done = 0;
  };
  asio::awaitable<Result<std::optional<StoredDevice>>> load(std::string device_id);

  /// Takes a device for this node if it is there, was let in, and has this key; and what the store has of it then.
  struct Claimed {
    std::optional<StoredDevice> device;  ///< empty: there is none
    std::optional<store::Ownership> ownership;
    bool held_elsewhere = false;  ///< another machine has it still, which is told
  };
  asio::awaitable<Result<Claimed>> claim(std::string device_id, Bytes public_key, std::int64_t node);
  /// The row of a device whose connection ended, and that others may take it.
  asio::awaitable<void> release(store::DeviceRow row, store::Ownership ownership);
  /// Devices that were claimed and have no connection here: others may take them.
  void release_unused(std::vector<std::string> device_ids, std::int64_t node);
  void give_back_turn(std::string device_id, std::int64_t node);
  asio::awaitable<Result<std::optional<store::DeviceRow>>> load_row(std::string device_id);

  /// What belongs to people, of devices of which some may be gone.
  struct Decided {
    std::string device_id;
    std::optional<store::DeviceRow> row;  ///< empty: forgotten
    planning::UpdatePolicy policy;
  };
  asio::awaitable<Result<std::vector<Decided>>> load_decided(std::vector<std::string> device_ids);
  asio::awaitable<Result<std::vector<store::Change>>> changes_since(std::int64_t revision);

  // What is written of a device that this node does not have any more is left out, or fails with
  // ErrorKind::storage where somebody waits for it.

  /// A device that came for the first time; and what rules say of it then: its group is in the row.
  asio::awaitable<Result<Decided>> add(store::DeviceRow row);
  /// One that is of another platform or product than it was: of which a key was on file alone, say.
  asio::awaitable<Result<Decided>> place(store::DeviceRow row, store::Ownership ownership);
  void save_soon(store::DeviceRow row, store::Ownership ownership);
  void save_modules_soon(
      std::string device_id, std::vector<firmware::InstalledModule> modules, store::Ownership ownership);
  void forget(std::string device_id);
  void clear_force(std::string device_id);
  void note_health(std::int64_t rollout, std::string device_id, std::int64_t reconnections);
  /// The running time, at an orderly end.
  void close();

  /// Stores the reported modules and judges the step that was in flight, if there was one.
  struct Reconciliation {
    std::optional<store::StepRow> step;
    planning::Reconciled outcome;
  };
  asio::awaitable<Result<Reconciliation>> reconcile(
      std::string device_id, firmware::Inventory reported, store::Ownership ownership);

  /// Records the plan and, where past attempts and `may_begin` allow, begins its first step. `may_begin` is asked at
  /// the moment of writing, on the writer's thread; empty: it may not.
  using MayBegin = std::function<bool()>;
  struct StepBegun {
    planning::Permission permission;
    std::int64_t step_id = 0;  ///< 0: not begun
    bool no_turn = false;      ///< other machines have all the turns
  };
  /// `most_turns`: over all machines; counts where there are several.
  asio::awaitable<Result<StepBegun>> begin(std::string device_id, std::vector<planning::Step> steps, MayBegin may_begin,
      store::Ownership ownership, int most_turns);

  asio::awaitable<Result<void>> end_update(
      std::string device_id, std::string state, std::string words, store::Ownership ownership);
  void progress(std::string device_id, std::int64_t step_id, std::size_t bytes, store::Ownership ownership);
  asio::awaitable<Result<void>> sent(
      std::string device_id, std::int64_t step_id, bool confirmed, store::Ownership ownership);
  asio::awaitable<Result<void>> failed(
      std::string device_id, std::int64_t step_id, std::string error, store::Ownership ownership);
  void changed_key(std::string device_id, Bytes key);

private:
  store::Writer& writer_;
  ServiceUptime& uptime_;
};

}  // namespace drydock::server
