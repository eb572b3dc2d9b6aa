#include "appliance/berth.hpp"

#include "appliance/describe_text.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::appliance {
namespace {

using namespace std::chrono_literals;
using device::Decision;
using planning::Permission;

// Progress is for people: rarely enough for an SD card, often enough for a page.
constexpr std::size_t progress_bytes = 64 * 1024;
constexpr auto progress_time = 5s;

Error replaced() { return {Kind::conflict, "another connection of the same device replaced this one, or it was forgotten"}; }

Error stopping() { return {Kind::closed, "the appliance is stopping"}; }

std::string join(const std::vector<planning::Missing>& missing) {
  std::string words = "missing in the catalogue: ";
  for (const auto& m : missing) {
    if (&m != &missing.front()) words += "; ";
    words += m.words;
  }
  return words;
}

}  // namespace

ApplianceBerth::~ApplianceBerth() {
  free_turn();
  auto* m = member();
  if (m == nullptr) return;
  stand_back();
  m->channel = nullptr;
  m->transfer.reset();
  m->row.connected = false;
  m->row.last_seen = utc_milliseconds();
  appliance_.touch(*m);
  appliance_.journal_.save_soon(m->row);
}

FleetMember* ApplianceBerth::member() {
  auto* m = appliance_.find(id_);
  return m != nullptr && m->connection == connection_ ? m : nullptr;
}

void ApplianceBerth::set_state(FleetMember& m, const std::string& state, const std::string& words) {
  if (m.row.state == state && m.row.state_words == words) return;
  const bool worth_telling = state != "updating" && state != "waiting";
  m.row.state = state;
  m.row.state_words = words;
  appliance_.touch(m);
  if (worth_telling) {
    const auto level = state == "blocked" || state == "parked" ? log::Level::warning : log::Level::info;
    appliance_.journal_.record(level, {m.row.id, "state", words.empty() ? state : words});
  }
  appliance_.journal_.save_soon(m.row);
}

asio::awaitable<Result<Decision>> ApplianceBerth::decide(const device::Facts& facts) {
  auto* m = member();
  if (m == nullptr) co_return tl::unexpected(replaced());
  take_note(*m, facts);

  if (const auto judged = co_await judge(facts); !judged) co_return tl::unexpected(judged.error());
  co_return co_await choose(facts);
}

void ApplianceBerth::take_note(FleetMember& m, const device::Facts& facts) {
  auto& row = m.row;
  const auto application = facts.application ? application_json(*facts.application) : row.application;
  const auto updates_enabled = facts.updates_enabled || !facts.resumed ? facts.updates_enabled : row.updates_enabled;
  const bool changed = row.safe_mode != facts.safe_mode || row.updates_enabled != updates_enabled || row.application != application;
  row.safe_mode = facts.safe_mode;
  row.updates_enabled = updates_enabled;
  row.application = application;
  row.last_seen = utc_milliseconds();
  appliance_.touch(m);
  if (changed) appliance_.journal_.save_soon(row);
}

// Once for each Describe: what became of the step that was under way before it.
asio::awaitable<Result<void>> ApplianceBerth::judge(const device::Facts& facts) {
  auto inventory = facts.inventory();
  auto* m = member();
  if (judged_ && m->modules_stored == inventory.modules) co_return Result<void>{};
  judged_ = true;
  m->modules_stored = inventory.modules;
  appliance_.touch(*m);
  const auto judged = co_await appliance_.journal_.reconcile(m->row.id, std::move(inventory));
  if (!judged) co_return tl::unexpected(judged.error());
  if (!judged->step) co_return Result<void>{};
  const auto& step = *judged->step;
  const auto title = fmt::format("{} version {}", step.key.name(), step.version);
  if (judged->outcome.verified)
    if (auto* still_there = member()) ++still_there->steps_done;
  if (judged->outcome.verified) appliance_.journal_.record(log::Level::notice, {id_.text(), "verified", title + " is in force: the device reports it"});
  else appliance_.journal_.record(log::Level::warning, {id_.text(), "failed", judged->outcome.words});
  co_return Result<void>{};
}

asio::awaitable<Result<Decision>> ApplianceBerth::choose(const device::Facts& facts) {
  auto* m = member();
  if (m == nullptr) co_return tl::unexpected(replaced());
  const planning::Target target{m->goals};
  m->plan = planning::plan(facts.inventory(), appliance_.catalogue_, target);

  if (m->row.approval != "approved") co_return co_await settle("awaiting_approval", "waits for approval: 'drydock devices approve " + m->row.id + "'", "superseded");
  if (m->row.held || appliance_.paused_) {
    const auto words = m->row.held ? "held: a person holds this device back from updates" : "paused: a person has paused all updates";
    co_return co_await settle("waiting", words, "superseded");
  }
  if (m->plan.blocked()) co_return co_await settle("blocked", join(m->plan.missing), "blocked");
  if (m->plan.current()) {
    const auto words = facts.safe_mode ? "runs what it should, and is in safe mode for another reason" : "runs what it should";
    co_return co_await settle("current", words, "done");
  }
  if (!m->row.updates_enabled.value_or(true) && !facts.updates_forced) co_return co_await settle("updates_disabled", "updates are disabled on the device by its application", "superseded");

  if (appliance_.stopping_) co_return tl::unexpected(stopping());
  const auto steps = m->plan.steps;
  // The turn is taken before the first await, so that no other session can take it too.
  const bool turn = has_turn_ = appliance_.turns_.take(id_);
  const auto begun = co_await appliance_.journal_.begin(m->row.id, steps, turn);
  m = member();
  // A step that was just begun is taken back when the appliance starts again.
  if (!begun || m == nullptr || begun->step_id == 0 || appliance_.stopping_) free_turn();
  if (appliance_.stopping_) co_return tl::unexpected(stopping());
  if (!begun) co_return tl::unexpected(begun.error());
  if (m == nullptr) co_return tl::unexpected(replaced());

  Decision decision;
  const auto& permission = begun->permission;
  if (permission.answer != Permission::Answer::go) stand_back();
  if (permission.answer == Permission::Answer::parked) {
    set_state(*m, "parked", fmt::format("parked: {}. 'drydock devices approve {} --retry' tries again", permission.words, m->row.id));
    co_return decision;
  }
  if (permission.answer == Permission::Answer::wait) {
    const auto pause = std::chrono::milliseconds(permission.not_before - utc_milliseconds());
    decision.look_again = Clock::now() + std::max(pause, std::chrono::milliseconds(1));
    set_state(*m, "waiting", fmt::format("pauses before the next try: {}", permission.words));
    co_return decision;
  }
  if (!turn) {
    set_state(*m, "waiting", "waits for its turn");
    appliance_.turns_.stand_in_line(id_);
    // A turn may have become free while the plan was written down.
    appliance_.call_waiting();
    co_return decision;
  }
  Transfer transfer;
  transfer.step = steps.front();
  transfer.step_id = begun->step_id;
  transfer.began = transfer.stored_at = Clock::now();
  m->transfer = transfer;
  sending_ = transfer;
  set_state(*m, "updating", fmt::format("step 1 of {}: {}", steps.size(), steps.front().module.title()));
  co_return co_await load_image(steps.front());
}

asio::awaitable<Result<Decision>> ApplianceBerth::load_image(planning::Step step) {
  appliance_.journal_.record(log::Level::notice, {id_.text(), "sending", fmt::format("sends {} ({} bytes): {}", step.module.title(), step.module.size, step.reason)});
  const auto& files = appliance_.services_.files;
  std::function<Result<std::shared_ptr<const Bytes>>()> load = [&files, sha = step.module.sha256] { return files.load(sha); };
  auto image = co_await crypto::offload(appliance_.services_.workshop, std::move(load));
  if (!image) {
    // Not the device's fault, and nothing it should be asked to wait for.
    co_await sent(tl::unexpected(image.error()));
    auto* m = member();
    if (m == nullptr) co_return tl::unexpected(replaced());
    co_return co_await settle("blocked", image.error().message, "blocked");
  }
  Decision decision;
  decision.send = Decision::Send{std::move(step), std::move(*image)};
  co_return decision;
}

asio::awaitable<Result<Decision>> ApplianceBerth::settle(std::string state, std::string words, std::string update_state) {
  stand_back();
  auto* m = member();
  m->steps_done = 0;
  const bool changed = m->row.state != state || m->row.state_words != words;
  set_state(*m, state, words);
  if (changed)
    if (const auto ended = co_await appliance_.journal_.end_update(m->row.id, update_state, words); !ended) co_return tl::unexpected(ended.error());
  co_return Decision{};
}

void ApplianceBerth::undescribed(const Error& why) {
  stand_back();
  auto* m = member();
  if (m != nullptr) set_state(*m, "blocked", "nothing can be planned, for its Describe cannot be read: " + why.message);
}

void ApplianceBerth::progress(std::size_t bytes) {
  auto* m = member();
  if (m == nullptr || !m->transfer) return;
  auto& transfer = *m->transfer;
  transfer.bytes = bytes;
  appliance_.touch(*m);
  const auto now = Clock::now();
  const bool due = bytes >= transfer.bytes_stored + progress_bytes || (now - transfer.stored_at >= progress_time && bytes > transfer.bytes_stored);
  if (!due) return;
  transfer.bytes_stored = bytes;
  transfer.stored_at = now;
  appliance_.journal_.progress(transfer.step_id, bytes);
}

asio::awaitable<void> ApplianceBerth::sent(Result<transfer::Delivery> delivery) {
  free_turn();
  judged_ = false;
  if (!sending_) co_return;
  const auto transfer = *std::exchange(sending_, std::nullopt);
  const auto title = transfer.step.module.title();
  if (auto* m = member()) {
    m->transfer.reset();
    appliance_.touch(*m);
  }
  if (!delivery) {
    appliance_.journal_.record(log::Level::warning, {id_.text(), "failed", fmt::format("{} was not sent: {}", title, delivery.error().message)});
    // A connection that broke says nothing of what the device has: its next Describe does.
    if (delivery.error().kind == Kind::closed || delivery.error().kind == Kind::restarted) co_return;
    (void)co_await appliance_.journal_.failed(id_.text(), transfer.step_id, delivery.error().message);
    co_return;
  }
  const auto seconds = std::chrono::duration<double>(Clock::now() - transfer.began).count();
  const auto again = delivery->resent ? fmt::format(", {} chunks twice", delivery->resent) : "";
  appliance_.journal_.record(log::Level::info, {id_.text(), "sent", fmt::format("{} was sent in {:.1f} s{}; the device resets now", title, seconds, again)});
  if (auto* m = member()) set_state(*m, "updating", fmt::format("took {}; waiting for it to come back and report it", title));
  (void)co_await appliance_.journal_.sent(transfer.step_id);
  if (auto* m = member(); m != nullptr && appliance_.stopping_) m->channel->close();
}

void ApplianceBerth::leaving(const Error& why) {
  log::info("{}: disconnected: {}", id_.text(), why.message);
}

void ApplianceBerth::free_turn() {
  if (!std::exchange(has_turn_, false)) return;
  appliance_.turns_.give_back();
  appliance_.call_waiting();
}

// Whoever leaves the line may have been called: the call goes to the next.
void ApplianceBerth::stand_back() {
  appliance_.turns_.leave_line(id_);
  appliance_.call_waiting();
}

}  // namespace drydock::appliance
