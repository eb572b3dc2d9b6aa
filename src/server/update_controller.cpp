#include "server/update_controller.hpp"

#include "server/application_json.hpp"
#include "base/text.hpp"
#include "server/server_metrics.hpp"
#include "firmware/releases.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <fmt/core.h>

namespace drydock::server {
namespace {

using namespace std::chrono_literals;
using device::Decision;
using planning::Permission;

constexpr auto database_pause = 2s;
// Who waited longer for the database than this may be gone by now.
constexpr auto longest_wait_to_begin = 10s;

Error replaced() {
  return {ErrorKind::conflict, "another connection of the same device replaced this one, or it was forgotten"};
}

Decision decide_in(Clock::duration pause) {
  Decision later;
  later.decide_again_at = Clock::now() + pause;
  return later;
}

Error stopping() {
  return {ErrorKind::closed, "the appliance is stopping"};
}

// As the device names it: the SHA-256 of its suffix, which other builds of the same version do not share.
std::string application_of(const std::vector<firmware::InstalledModule>& modules) {
  for (const auto& module : modules)
    if (module.key.function == firmware::Function::user_part) return module.sha256;
  return "";
}

}  // namespace

DeviceUpdateController::DeviceUpdateController(
    DeviceServer& server, transport::DeviceId id, std::uint64_t connection, store::Ownership ownership)
    : server_(server), id_(id), connection_(connection), ownership_(ownership) {}

DeviceUpdateController::~DeviceUpdateController() {
  release_slot();
  auto* m = entry();
  if (m == nullptr) return;
  leave_queue();
  auto* channel = std::exchange(m->channel, nullptr);
  m->device = nullptr;
  server_.subscriptions_.remove(id_);
  --server_.connected_;
  server_.forget_later(*m);
  if (m->row.state == "updating") {
    const auto what = m->transfer ? fmt::format("went away while {} was being sent; it goes on when the device is back",
                                        m->transfer->step.module.title())
                                  : fmt::format("{}. The device is away now", m->row.state_words);
    set_state(*m, "waiting", what);
  }
  m->transfer.reset();
  if (m->row.approval == "approved") server_.publish(status_event(id_, "offline"));
  m->row.connected = false;
  m->row.last_seen = utc_milliseconds();
  m->last_seen = server_.uptime_.now();
  server_.mark_changed(*m);
  if (ownership_.node == 0) {
    server_.save(*m);
    return;
  }
  // In this order: whoever takes it next reads what was written before.
  channel->save_position();
  if (std::exchange(m->modules_unsaved, false))
    server_.repository_.save_modules_soon(m->row.id, m->modules_stored, ownership_);
  m->row_unsaved = false;
  asio::co_spawn(server_.services_.loop, server_.repository_.release(m->row, ownership_), asio::detached);
  m->row.node = 0;
  m->ownership.epoch = 0;  // nothing more is written about it
}

bool DeviceUpdateController::persists_session() const {
  const auto* m = server_.find(id_);
  return m != nullptr && m->row.approval == "approved";
}

void DeviceUpdateController::record(log::Level level, const std::string& kind, const std::string& words) {
  if (auto* m = server_.find(id_)) server_.record(*m, level, kind, words);
}

DeviceEntry* DeviceUpdateController::entry() {
  auto* m = server_.find(id_);
  return m != nullptr && m->connection == connection_ ? m : nullptr;
}

void DeviceUpdateController::set_state(DeviceEntry& m, const std::string& state, const std::string& words) {
  if (m.row.state == state && m.row.state_words == shorten(words, limits::message_length)) return;
  const bool should_log = state != "updating" && state != "waiting";
  if (state == "blocked" && m.row.state != "blocked" && m.row.approval == "approved")
    server_.publish(update_event(id_, "blocked", "", words));
  m.row.state = state;
  m.row.state_words = shorten(words, limits::message_length);
  server_.mark_changed(m);
  server_.rollouts_.note_device();
  if (should_log) {
    const auto level = state == "blocked" || state == "parked" ? log::Level::warning : log::Level::info;
    server_.record(m, level, "state", words.empty() ? state : words);
  }
  server_.save(m);
}

asio::awaitable<Result<Decision>> DeviceUpdateController::decide(const device::ReportedState& reported) {
  auto* m = entry();
  if (m == nullptr) co_return tl::unexpected(replaced());
  if (awaits_approval(reported)) co_return Decision{};
  m->channel->persist_session();
  // One that says something new all the time is looked at now and then.
  if (const auto now = Clock::now(); !m->planning_budget.take(now)) {
    Decision later;
    later.decide_again_at = m->planning_budget.next(now);
    co_return later;
  }
  save_reported_state(*m, reported);
  // Its connection is kept meanwhile, and answered: nothing begins that could not be written down.
  if (server_.services_.writer.unavailable()) {
    set_state(*m, "waiting", "waits for the database, which cannot be used just now");
    co_return decide_in(database_pause);
  }

  if (const auto judged = co_await reconcile(reported); !judged) co_return tl::unexpected(judged.error());
  co_return co_await plan_next_step(reported);
}

// Nothing is planned for a device that anybody may have sent, and nothing kept of what it says beyond what shows a
// person which one it is.
bool DeviceUpdateController::awaits_approval(const device::ReportedState& reported) {
  auto* m = entry();
  if (m == nullptr || m->row.approval == "approved") return false;
  leave_queue();
  m->row.safe_mode = reported.safe_mode;
  m->row.last_seen = utc_milliseconds();
  m->plan = {};
  m->modules_stored = {};
  set_state(*m, "awaiting_approval", fmt::format("waits for approval: 'drydock devices approve {}'", m->row.id));
  return true;
}

void DeviceUpdateController::save_reported_state(DeviceEntry& m, const device::ReportedState& reported) {
  auto& row = m.row;
  const auto application =
      reported.application ? application_json(*reported.application, reported.subscriptions) : row.application;
  const auto updates_enabled =
      reported.updates_enabled || !reported.resumed ? reported.updates_enabled : row.updates_enabled;
  const bool changed =
      row.safe_mode != reported.safe_mode || row.updates_enabled != updates_enabled || row.application != application;
  if (reported.safe_mode && !row.safe_mode) server_.publish(safe_mode_event(id_, row.platform, row.system_version));
  row.safe_mode = reported.safe_mode;
  row.updates_enabled = updates_enabled;
  row.application = application;
  row.last_seen = utc_milliseconds();
  server_.mark_changed(m);
  if (changed) server_.save(m);
}

// What the device reports; of a Core, which reports no modules, what it was sent last and said to run.
firmware::Inventory DeviceUpdateController::inventory_of(const device::ReportedState& reported) {
  constexpr firmware::ModuleKey image{firmware::Function::monolithic, 0};
  auto inventory = reported.inventory();
  if (!firmware::is_monolithic(inventory.platform) || inventory.find(image) != nullptr) return inventory;
  for (const auto& module : entry()->modules_stored) {
    if (module.key != image) continue;
    // Flashed by USB since then, if its application is another version of the product.
    const auto files = server_.library_.candidates(inventory.platform, image, 0);
    const bool other_product = std::any_of(files.begin(), files.end(), [&](const auto* file) {
      return file->suffix_sha256 == module.sha256 && file->product_version &&
          reported.hello.product_version != device::Hello{}.product_version &&
          *file->product_version != reported.hello.product_version;
    });
    if (!other_product) inventory.modules.push_back(module);
  }
  return inventory;
}

// Once for each Describe: what became of the step that was under way before it.
asio::awaitable<Result<void>> DeviceUpdateController::reconcile(const device::ReportedState& reported) {
  auto inventory = inventory_of(reported);
  auto* m = entry();
  const bool changed = m->modules_stored != inventory.modules;
  if (reconciled_ && !changed) co_return Result<void>{};
  reconciled_ = true;
  const auto application = application_of(inventory.modules);
  if (!application.empty() && application != application_of(m->modules_stored))
    server_.publish(application_event(id_, application));
  m->modules_stored = inventory.modules;
  server_.mark_changed(*m);
  if (!m->step_to_judge) {
    if (changed) server_.save_modules(*m);
    co_return Result<void>{};
  }
  const auto platform = inventory.platform;
  const auto judged = co_await server_.repository_.reconcile(m->row.id, std::move(inventory), ownership_);
  if (!judged) co_return tl::unexpected(judged.error());
  m = entry();
  if (m != nullptr) m->step_to_judge = false;
  if (!judged->step) co_return Result<void>{};
  const auto& step = *judged->step;
  const auto title = firmware::module_title(platform, step.key, step.version);
  if (judged->outcome.verified && m != nullptr) ++m->steps_done;
  if (judged->outcome.verified && m != nullptr && step.key.function == firmware::Function::monolithic) {
    firmware::InstalledModule image;
    image.key = step.key;
    image.version = step.version;
    image.sha256 = step.suffix_sha256;
    m->modules_stored = {image};
    server_.save_modules(*m);
  }
  if (judged->outcome.verified) {
    steps_verified.add();
    record(log::Level::notice, "verified", title + " is installed: the device reports it");
    server_.publish(update_event(id_, "verified", title, ""));
  } else {
    steps_not_installed.add();
    record(log::Level::warning, "failed", judged->outcome.words);
    server_.publish(update_event(id_, "failed", title, judged->outcome.words));
  }
  co_return Result<void>{};
}

// Its application may look at this, and enable updates when it suits it (PROTOCOL §4.11).
void DeviceUpdateController::tell_pending(DeviceEntry& m, bool pending) {
  // One that came with a Hello of its own knows of none.
  const bool known = told_pending_.value_or(m.device != nullptr && m.device->reported().resumed ? !pending : false);
  told_pending_ = pending;
  if (known == pending || m.device == nullptr) return;
  device::Event event;
  event.name = "particle/device/updates/pending";
  event.data = pending ? "true" : "false";
  m.device->deliver(event);
}

asio::awaitable<Result<Decision>> DeviceUpdateController::plan_next_step(const device::ReportedState& reported) {
  auto* m = entry();
  if (m == nullptr) co_return tl::unexpected(replaced());
  const auto inventory = inventory_of(reported);
  m->plan = planning::plan(inventory, server_.library_, m->policy.targets);
  resets_without_reply_ = reported.resets_without_reply();

  // One that has all it needs is not waiting for anything.
  if (auto words = held_back(*m); !words.empty() && !m->plan.current())
    co_return co_await finish_update("waiting", std::move(words), "superseded");
  if (m->plan.blocked()) co_return co_await finish_update("blocked", planning::missing_words(m->plan), "blocked");
  if (m->plan.current()) {
    tell_pending(*m, false);
    if (std::exchange(m->row.forced, false)) server_.repository_.clear_force(m->row.id);
    std::string words = reported.safe_mode ? "up to date, and in safe mode for another reason" : "up to date";
    if (!m->plan.unreached.empty()) words = "has what it needs; it " + m->plan.unreached;
    if (firmware::is_monolithic(inventory.platform))
      words = inventory.modules.empty() ? "does not say what it runs: choose an image for it, if it should run another"
                                        : "runs the image that it was sent";
    if (m->steps_done > 0) {
      updates_finished.add();
      server_.publish(update_event(id_, "finished", "", words));
    }
    co_return co_await finish_update("current", words, "done");
  }
  if (!m->row.updates_enabled.value_or(true) && !reported.updates_forced) {
    const auto words = m->row.forced
        ? "its application disabled updates; it was told to take this one all the same and has not agreed yet"
        : fmt::format(
              "its application disabled updates: 'drydock devices force {}' sends this one all the same", m->row.id);
    auto settled = co_await finish_update("updates_disabled", words, "superseded");
    m = entry();
    if (settled && m != nullptr) settled->force_updates = m->row.forced;
    if (m != nullptr) tell_pending(*m, true);
    co_return settled;
  }

  if (const auto opens = m->row.forced ? std::nullopt : closed_until(*m)) {
    auto waits = co_await finish_update("waiting", opens->words, "superseded");
    if (waits) waits->decide_again_at = Clock::now() + opens->pause;
    co_return waits;
  }

  if (server_.stopping_) co_return tl::unexpected(stopping());
  const auto steps = m->plan.steps;
  // Kept over all that follows, so that no more devices come to share it meanwhile.
  const auto rate = server_.join_rate(m->policy);
  if (!rate) {
    leave_queue();
    set_state(*m, "waiting", "waits for its turn: its rollout sends no more at a time");
    co_return decide_in(limits::turn_pause);
  }
  // The slot is taken before the first await, so that no other session can take it too.
  const bool slot = holds_slot_ = holds_slot_ || server_.update_slots_.try_acquire(id_);
  m->step_to_judge |= slot;
  DeviceRepository::MayBegin may_begin;
  if (slot) may_begin = [asked = Clock::now()] { return Clock::now() - asked < longest_wait_to_begin; };
  const auto begun = co_await server_.repository_.begin(
      m->row.id, steps, std::move(may_begin), ownership_, server_.configuration_.concurrent_updates);
  m = entry();
  if (begun && m != nullptr && begun->no_turn && !server_.stopping_) {
    // Its slot here is kept meanwhile: no more devices than that ask for a turn again and again.
    set_state(*m, "waiting", "waits for its turn: as many devices as may be updated at a time are, on other machines");
    co_return decide_in(limits::turn_pause);
  }
  holds_turn_ = begun && begun->step_id != 0;
  // A step that was just begun is taken back when the server starts again.
  if (!begun || m == nullptr || begun->step_id == 0 || server_.stopping_) release_slot();
  if (server_.stopping_) co_return tl::unexpected(stopping());
  if (!begun) co_return tl::unexpected(begun.error());
  if (m == nullptr) co_return tl::unexpected(replaced());

  Decision decision;
  const auto& permission = begun->permission;
  if (permission.answer != Permission::Answer::go) leave_queue();
  if (permission.answer == Permission::Answer::give_up) {
    if (m->row.state != "parked") {
      updates_given_up.add();
      server_.publish(update_event(id_, "given_up", steps.front().module.title(), permission.words));
    }
    set_state(*m, "parked",
        fmt::format("failed, needs attention: {}. 'drydock devices approve {} --retry' tries again", permission.words,
            m->row.id));
    co_return decision;
  }
  if (permission.answer == Permission::Answer::wait) {
    const auto pause = std::chrono::milliseconds(permission.not_before - server_.uptime_.now());
    decision.decide_again_at = Clock::now() + std::max(pause, std::chrono::milliseconds(1));
    set_state(*m, "waiting", fmt::format("pauses before the next try: {}", permission.words));
    co_return decision;
  }
  if (!slot) {
    set_state(*m, "waiting", "waits for its turn");
    server_.update_slots_.enqueue(id_);
    // A slot may have become free while the plan was written down.
    server_.wake_queued_devices();
    co_return decision;
  }
  if (begun->step_id == 0) co_return decide_in(database_pause);
  Transfer transfer;
  transfer.step = steps.front();
  transfer.step_id = begun->step_id;
  transfer.began = transfer.stored_at = Clock::now();
  m->transfer = transfer;
  current_transfer_ = transfer;
  stall_timer_.emplace(server_.services_.loop.get_executor(), [this] { give_up_slot(); });
  stall_timer_->set(Clock::now() + limits::transfer_stall_timeout);
  steps_begun.add();
  server_.publish(flash_event(id_, "started"));
  set_state(*m, "updating",
      fmt::format("step {} of {}: {}", m->steps_done + 1, m->steps_done + steps.size(), steps.front().module.title()));
  co_return co_await load_image(steps.front(), *rate);
}

asio::awaitable<Result<Decision>> DeviceUpdateController::load_image(
    planning::Step step, std::shared_ptr<transfer::ByteRate> rate) {
  record(log::Level::notice, "sending",
      fmt::format("sends {} ({} bytes): {}", step.module.title(), step.module.size, step.reason));
  const auto& files = server_.services_.files;
  std::function<Result<std::shared_ptr<const Bytes>>()> load = [&files, sha = step.module.sha256] {
    return files.load(sha);
  };
  auto image = co_await crypto::offload(server_.services_.workers, std::move(load));
  if (!image) {
    // Not the device's fault, and nothing it should be asked to wait for.
    co_await transfer_finished(tl::unexpected(image.error()));
    auto* m = entry();
    if (m == nullptr) co_return tl::unexpected(replaced());
    co_return co_await finish_update("blocked", image.error().message, "blocked");
  }
  Decision decision;
  decision.send = Decision::Send{std::move(step), std::move(*image), std::move(rate)};
  co_return decision;
}

asio::awaitable<Result<Decision>> DeviceUpdateController::finish_update(
    std::string state, std::string words, std::string update_state) {
  leave_queue();
  auto* m = entry();
  m->steps_done = 0;
  const bool changed = m->row.state != state || m->row.state_words != words;
  set_state(*m, state, words);
  // Where it stands may have been written while it was away, in the same words: an update that runs ends all the same.
  if (changed || !std::exchange(update_ended_, true))
    if (const auto ended = co_await server_.repository_.end_update(m->row.id, update_state, words, ownership_); !ended)
      co_return tl::unexpected(ended.error());
  co_return Decision{};
}

void DeviceUpdateController::describe_failed(const Error& why) {
  leave_queue();
  auto* m = entry();
  if (m != nullptr) set_state(*m, "blocked", "nothing can be planned, for its Describe cannot be read: " + why.message);
}

void DeviceUpdateController::session_ended(const Error& why) {
  if (auto* m = server_.find(id_); m != nullptr && m->history_budget.take(Clock::now()))
    log::info("{}: disconnected: {}", id_.text(), why.message);
}

void DeviceUpdateController::release_slot() {
  if (std::exchange(holds_turn_, false) && server_.services_.node != 0)
    server_.repository_.give_back_turn(id_.text(), server_.services_.node);
  if (!std::exchange(holds_slot_, false)) return;
  server_.update_slots_.release();
  server_.wake_queued_devices();
}

// Whoever leaves the queue may have been woken: the next is woken instead.
void DeviceUpdateController::leave_queue() {
  if (!current_transfer_) release_slot();  // kept while other machines had all the turns
  server_.update_slots_.dequeue(id_);
  server_.wake_queued_devices();
}

}  // namespace drydock::server
