#include "server/device_repository.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "server/admission.hpp"
#include "store/access.hpp"
#include "store/groups.hpp"
#include "store/policies.hpp"
#include "store/rollouts.hpp"

namespace drydock::server {
namespace {

void save_running(store::Database& db, std::int64_t running) {
  store::save_setting(db, ServiceUptime::setting, std::to_string(running));
}

}  // namespace

void DeviceRepository::tell(log::Level level, const HistoryRecord& record) {
  std::vector<systemd::Field> fields{{"DRYDOCK_EVENT", record.kind}};
  if (!record.device_id.empty()) fields.emplace_back("DRYDOCK_DEVICE", record.device_id);
  const auto words = shorten(record.words, limits::message_length);
  log::write(level, record.device_id.empty() ? words : record.device_id + ": " + words, std::move(fields));
}

void DeviceRepository::record(log::Level level, HistoryRecord record) {
  tell(level, record);
  store::HistoryRow row{utc_milliseconds(), std::move(record.device_id), std::move(record.kind),
      shorten(record.words, limits::message_length)};
  writer_.post([row = std::move(row), running = uptime_.due()](store::Database& db) {
    store::append_history(db, row);
    if (running) save_running(db, *running);
  });
}

void DeviceRepository::close() {
  writer_.post([running = uptime_.now()](store::Database& db) { save_running(db, running); });
}

void DeviceRepository::save_modules_soon(
    std::string device_id, std::vector<firmware::InstalledModule> modules, store::Ownership ownership) {
  writer_.post([device_id = std::move(device_id), modules = std::move(modules), ownership](store::Database& db) {
    if (!store::owns_device(db, device_id, ownership)) return;
    if (store::load_device(db, device_id)) store::save_modules(db, device_id, modules);
  });
}

void DeviceRepository::forget(std::string device_id) {
  writer_.post([device_id = std::move(device_id)](store::Database& db) { store::forget_device(db, device_id); });
}

void DeviceRepository::clear_force(std::string device_id) {
  writer_.post([device_id = std::move(device_id)](store::Database& db) { store::set_forced(db, device_id, false); });
}

void DeviceRepository::note_health(std::int64_t rollout, std::string device_id, std::int64_t reconnections) {
  writer_.post([rollout, device_id = std::move(device_id), reconnections](
                   store::Database& db) { store::note_health(db, rollout, device_id, reconnections); });
}

asio::awaitable<Result<std::optional<DeviceRepository::StoredDevice>>> DeviceRepository::load(std::string device_id) {
  std::function<std::optional<StoredDevice>(store::Database&)> work =
      [id = std::move(device_id)](store::Database& db) -> std::optional<StoredDevice> {
    auto row = store::load_device(db, id);
    if (!row) return std::nullopt;
    return StoredDevice{std::move(*row), store::load_update_policy(db, id), store::load_modules(db, id),
        store::step_to_judge(db, id).has_value(), store::verified_steps(db, id)};
  };
  co_return co_await writer_.read<std::optional<StoredDevice>>(std::move(work));
}

asio::awaitable<Result<std::optional<store::DeviceRow>>> DeviceRepository::load_row(std::string device_id) {
  std::function<std::optional<store::DeviceRow>(store::Database&)> work =
      [id = std::move(device_id)](store::Database& db) { return store::load_device(db, id); };
  co_return co_await writer_.read<std::optional<store::DeviceRow>>(std::move(work));
}

asio::awaitable<Result<std::vector<DeviceRepository::Decided>>> DeviceRepository::load_decided(
    std::vector<std::string> device_ids) {
  std::function<std::vector<Decided>(store::Database&)> work = [ids = std::move(device_ids)](store::Database& db) {
    std::vector<Decided> list;
    for (const auto& id : ids) list.push_back({id, store::load_device(db, id), store::load_update_policy(db, id)});
    return list;
  };
  co_return co_await writer_.read<std::vector<Decided>>(std::move(work));
}

asio::awaitable<Result<std::vector<store::Change>>> DeviceRepository::changes_since(std::int64_t revision) {
  std::function<std::vector<store::Change>(store::Database&)> work = [revision](store::Database& db) {
    return store::changes_since(db, revision);
  };
  co_return co_await writer_.read<std::vector<store::Change>>(std::move(work));
}

asio::awaitable<Result<DeviceRepository::Decided>> DeviceRepository::add(store::DeviceRow row) {
  std::function<Decided(store::Database&)> work = [row = std::move(row)](store::Database& db) {
    store::add_device(db, row);
    store::apply_group_rules(db, row.id);
    return Decided{row.id, store::load_device(db, row.id), store::load_update_policy(db, row.id)};
  };
  co_return co_await writer_.perform<Decided>(std::move(work));
}

asio::awaitable<Result<DeviceRepository::Decided>> DeviceRepository::place(
    store::DeviceRow row, store::Ownership ownership) {
  std::function<Decided(store::Database&)> work = [row = std::move(row), ownership](store::Database& db) {
    const auto before = store::load_device(db, row.id);
    if (store::owns_device(db, row.id, ownership)) store::update_device(db, row);
    // One that a person took out of its group stays out of it.
    if (before && before->platform == firmware::unknown_platform) store::apply_group_rules(db, row.id);
    return Decided{row.id, store::load_device(db, row.id), store::load_update_policy(db, row.id)};
  };
  co_return co_await writer_.perform<Decided>(std::move(work));
}

void DeviceRepository::save_soon(store::DeviceRow row, store::Ownership ownership) {
  writer_.post([row = std::move(row), ownership](store::Database& db) {
    if (store::owns_device(db, row.id, ownership)) store::update_device(db, row);
  });
}

asio::awaitable<Result<DeviceRepository::Claimed>> DeviceRepository::claim(
    std::string device_id, Bytes public_key, std::int64_t node) {
  std::function<Claimed(store::Database&)> work = [=](store::Database& db) {
    Claimed claimed;
    auto row = store::load_device(db, device_id);
    if (!row) return claimed;
    if (row->approval != "refused" && same_key(row->public_key, public_key)) {
      claimed.ownership = store::claim_device(db, device_id, node);
      claimed.held_elsewhere = !claimed.ownership;
      if (claimed.held_elsewhere) return claimed;
      row = store::load_device(db, device_id);  // as whoever had it before left it
    }
    claimed.device =
        StoredDevice{std::move(*row), store::load_update_policy(db, device_id), store::load_modules(db, device_id),
            store::step_to_judge(db, device_id).has_value(), store::verified_steps(db, device_id)};
    return claimed;
  };
  co_return co_await writer_.perform<Claimed>(std::move(work));
}

asio::awaitable<void> DeviceRepository::release(store::DeviceRow row, store::Ownership ownership) {
  std::function<void(store::Database&)> work = [row = std::move(row), ownership](store::Database& db) {
    if (!store::owns_device(db, row.id, ownership)) return;
    store::update_device(db, row);
    store::give_back_turn(db, row.id, ownership.node);
    store::release_device(db, row.id, ownership);
  };
  (void)co_await writer_.perform(std::move(work));
}

void DeviceRepository::release_unused(std::vector<std::string> device_ids, std::int64_t node) {
  writer_.post([ids = std::move(device_ids), node](store::Database& db) {
    for (const auto& id : ids) store::release_unused_device(db, id, node);
  });
}

void DeviceRepository::give_back_turn(std::string device_id, std::int64_t node) {
  writer_.post([id = std::move(device_id), node](store::Database& db) { store::give_back_turn(db, id, node); });
}

asio::awaitable<Result<DeviceRepository::Reconciliation>> DeviceRepository::reconcile(
    std::string device_id, firmware::Inventory reported, store::Ownership ownership) {
  const auto now = utc_milliseconds();
  std::function<Reconciliation(store::Database&)> work = [=](store::Database& db) {
    store::require_ownership(db, device_id, ownership);
    store::save_modules(db, device_id, reported.modules);
    Reconciliation judged;
    judged.step = store::step_to_judge(db, device_id);
    if (!judged.step) return judged;
    const auto& step = *judged.step;
    const planning::InFlight in_flight{step.key, step.version, step.suffix_sha256, step.from_version,
        step.state == "sent" || (step.state == "failed" && step.bytes_acknowledged == step.bytes_total),
        step.confirmed};
    judged.outcome = planning::reconcile(in_flight, reported);
    if (step.state == "failed" && !judged.outcome.verified) {
      judged.step.reset();
      return judged;
    }
    if (judged.outcome.verified)
      store::mark_verified(db, step, now);
    else
      store::mark_failed(db, step, judged.outcome.words, now);
    if (!judged.outcome.counts) store::take_back_attempt(db, step);
    return judged;
  };
  co_return co_await writer_.perform<Reconciliation>(std::move(work));
}

asio::awaitable<Result<DeviceRepository::StepBegun>> DeviceRepository::begin(std::string device_id,
    std::vector<planning::Step> steps, MayBegin may_begin, store::Ownership ownership, int most_turns) {
  const auto now = utc_milliseconds();
  const auto running = uptime_.now();
  std::function<StepBegun(store::Database&)> work = [=](store::Database& db) {
    store::require_ownership(db, device_id, ownership);
    StepBegun begun;
    begun.permission =
        planning::check_attempt(steps.front(), store::load_attempts(db, device_id, steps.front(), running), running);
    if (begun.permission.answer == planning::Permission::Answer::give_up) {
      store::end_update(db, device_id, "parked", begun.permission.words, now);
      return begun;
    }
    store::record_plan(db, device_id, steps, now);
    if (begun.permission.answer == planning::Permission::Answer::go && may_begin && may_begin()) {
      begun.no_turn = ownership.node != 0 && !store::take_turn(db, device_id, ownership.node, most_turns);
      if (begun.no_turn) return begun;
      begun.step_id = store::begin_step(db, device_id, steps.front(), now, running);
      save_running(db, running);  // what was counted in it must not lie in the future behind a crash
    }
    return begun;
  };
  co_return co_await writer_.perform<StepBegun>(std::move(work));
}

asio::awaitable<Result<void>> DeviceRepository::end_update(
    std::string device_id, std::string state, std::string words, store::Ownership ownership) {
  const auto now = utc_milliseconds();
  std::function<void(store::Database&)> work = [=](store::Database& db) {
    store::require_ownership(db, device_id, ownership);
    store::end_update(db, device_id, state, words, now);
  };
  co_return co_await writer_.perform(std::move(work));
}

void DeviceRepository::progress(
    std::string device_id, std::int64_t step_id, std::size_t bytes, store::Ownership ownership) {
  writer_.post([=](store::Database& db) {
    if (store::owns_device(db, device_id, ownership))
      store::record_progress(db, step_id, static_cast<std::uint32_t>(bytes));
  });
}

asio::awaitable<Result<void>> DeviceRepository::sent(
    std::string device_id, std::int64_t step_id, bool confirmed, store::Ownership ownership) {
  const auto now = utc_milliseconds();
  std::function<void(store::Database&)> work = [=](store::Database& db) {
    store::require_ownership(db, device_id, ownership);
    store::mark_sent(db, step_id, confirmed, now);
  };
  co_return co_await writer_.perform(std::move(work));
}

asio::awaitable<Result<void>> DeviceRepository::failed(
    std::string device_id, std::int64_t step_id, std::string error, store::Ownership ownership) {
  const auto now = utc_milliseconds();
  std::function<void(store::Database&)> work = [=](store::Database& db) {
    store::require_ownership(db, device_id, ownership);
    // Another connection of the device may have judged the step by its Describe meanwhile.
    const auto step = store::step_in_flight(db, device_id);
    if (step && step->id == step_id) store::mark_failed(db, *step, error, now);
  };
  co_return co_await writer_.perform(std::move(work));
}

void DeviceRepository::changed_key(std::string device_id, Bytes key) {
  const auto now = utc_milliseconds();
  writer_.post([=](store::Database& db) { store::note_changed_key(db, device_id, key, now); });
}

}  // namespace drydock::server
