#include "appliance/berth.hpp"

#include "appliance/describe_text.hpp"
#include "base/text.hpp"

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

}  // namespace

ApplianceBerth::ApplianceBerth(Appliance& appliance, transport::DeviceId id, std::uint64_t connection)
    : appliance_(appliance), id_(id), connection_(connection), stall_(appliance.services_.loop.get_executor(), [this] {
        if (has_turn_) log::info("{}: its update makes no progress; others may go first", id_.text());
        free_turn();
      }) {}

ApplianceBerth::~ApplianceBerth() {
  free_turn();
  auto* m = member();
  if (m == nullptr) return;
  stand_back();
  m->channel = nullptr;
  if (m->row.state == "updating") {
    const auto what = m->transfer ? fmt::format("went away while {} was being sent; it goes on when the device is back", m->transfer->step.module.title())
                                  : fmt::format("{}. The device is away now", m->row.state_words);
    set_state(*m, "waiting", what);
  }
  m->transfer.reset();
  m->row.connected = false;
  m->row.last_seen = utc_milliseconds();
  m->last_seen = appliance_.running_.now();
  appliance_.touch(*m);
  appliance_.save(*m);
}

bool ApplianceBerth::keeps_session() const {
  const auto* m = appliance_.find(id_);
  return m != nullptr && m->row.approval == "approved";
}

void ApplianceBerth::record(log::Level level, const std::string& kind, const std::string& words) {
  if (auto* m = appliance_.find(id_)) appliance_.record(*m, level, kind, words);
}

FleetMember* ApplianceBerth::member() {
  auto* m = appliance_.find(id_);
  return m != nullptr && m->connection == connection_ ? m : nullptr;
}

void ApplianceBerth::set_state(FleetMember& m, const std::string& state, const std::string& words) {
  if (m.row.state == state && m.row.state_words == shorten(words, limits::words)) return;
  const bool worth_telling = state != "updating" && state != "waiting";
  m.row.state = state;
  m.row.state_words = shorten(words, limits::words);
  appliance_.touch(m);
  if (worth_telling) {
    const auto level = state == "blocked" || state == "parked" ? log::Level::warning : log::Level::info;
    appliance_.record(m, level, "state", words.empty() ? state : words);
  }
  appliance_.save(m);
}

asio::awaitable<Result<Decision>> ApplianceBerth::decide(const device::Facts& facts) {
  auto* m = member();
  if (m == nullptr) co_return tl::unexpected(replaced());
  if (awaits_approval(facts)) co_return Decision{};
  m->channel->keep_session();
  // One that says something new all the time is looked at now and then.
  if (const auto now = Clock::now(); !m->decisions.take(now)) {
    Decision later;
    later.look_again = m->decisions.next(now);
    co_return later;
  }
  take_note(*m, facts);

  if (const auto judged = co_await judge(facts); !judged) co_return tl::unexpected(judged.error());
  co_return co_await choose(facts);
}

// Nothing is planned for a device that anybody may have sent, and nothing kept of what it says beyond what shows a person which
// one it is.
bool ApplianceBerth::awaits_approval(const device::Facts& facts) {
  auto* m = member();
  if (m == nullptr || m->row.approval == "approved") return false;
  stand_back();
  m->row.safe_mode = facts.safe_mode;
  m->row.last_seen = utc_milliseconds();
  m->plan = {};
  m->modules_stored = {};
  set_state(*m, "awaiting_approval", fmt::format("waits for approval: 'drydock devices approve {}'", m->row.id));
  return true;
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
  if (changed) appliance_.save(m);
}

// Once for each Describe: what became of the step that was under way before it.
asio::awaitable<Result<void>> ApplianceBerth::judge(const device::Facts& facts) {
  auto inventory = facts.inventory();
  auto* m = member();
  const bool changed = m->modules_stored != inventory.modules;
  if (judged_ && !changed) co_return Result<void>{};
  judged_ = true;
  m->modules_stored = inventory.modules;
  appliance_.touch(*m);
  if (!m->step_in_flight) {
    if (changed) appliance_.save_modules(*m);
    co_return Result<void>{};
  }
  const auto judged = co_await appliance_.journal_.reconcile(m->row.id, std::move(inventory));
  if (!judged) co_return tl::unexpected(judged.error());
  m = member();
  if (m != nullptr) m->step_in_flight = false;
  if (!judged->step) co_return Result<void>{};
  const auto& step = *judged->step;
  const auto title = fmt::format("{} version {}", step.key.name(), step.version);
  if (judged->outcome.verified && m != nullptr) ++m->steps_done;
  if (judged->outcome.verified) record(log::Level::notice, "verified", title + " is in force: the device reports it");
  else record(log::Level::warning, "failed", judged->outcome.words);
  co_return Result<void>{};
}

asio::awaitable<Result<Decision>> ApplianceBerth::choose(const device::Facts& facts) {
  auto* m = member();
  if (m == nullptr) co_return tl::unexpected(replaced());
  const planning::Target target{m->goals};
  m->plan = planning::plan(facts.inventory(), appliance_.catalogue_, target);
  resets_without_a_word_ = facts.resets_without_a_word();

  if (m->row.held || appliance_.paused_) {
    const auto words = m->row.held ? "held: a person holds this device back from updates" : "paused: a person has paused all updates";
    co_return co_await settle("waiting", words, "superseded");
  }
  if (m->plan.blocked()) co_return co_await settle("blocked", planning::missing_words(m->plan), "blocked");
  if (m->plan.current()) {
    if (std::exchange(m->row.forced, false)) appliance_.journal_.clear_force(m->row.id);
    const auto words = facts.safe_mode ? "runs what it should, and is in safe mode for another reason" : "runs what it should";
    co_return co_await settle("current", words, "done");
  }
  if (!m->row.updates_enabled.value_or(true) && !facts.updates_forced) {
    const auto words = m->row.forced ? "its application disabled updates; it was told to take this one all the same and has not agreed yet"
                                     : fmt::format("its application disabled updates: 'drydock devices force {}' sends this one all the same", m->row.id);
    auto settled = co_await settle("updates_disabled", words, "superseded");
    m = member();
    if (settled && m != nullptr) settled->force_updates = m->row.forced;
    co_return settled;
  }

  if (appliance_.stopping_) co_return tl::unexpected(stopping());
  const auto steps = m->plan.steps;
  // The turn is taken before the first await, so that no other session can take it too.
  const bool turn = has_turn_ = appliance_.turns_.take(id_);
  m->step_in_flight |= turn;
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
    const auto pause = std::chrono::milliseconds(permission.not_before - appliance_.running_.now());
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
  stall_.watch(Clock::now() + limits::stalled_transfer);
  set_state(*m, "updating", fmt::format("step 1 of {}: {}", steps.size(), steps.front().module.title()));
  co_return co_await load_image(steps.front());
}

asio::awaitable<Result<Decision>> ApplianceBerth::load_image(planning::Step step) {
  record(log::Level::notice, "sending", fmt::format("sends {} ({} bytes): {}", step.module.title(), step.module.size, step.reason));
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
  const auto now = Clock::now();
  if (bytes > transfer.bytes) {
    stall_.watch(now + limits::stalled_transfer);
    if (!has_turn_) has_turn_ = appliance_.turns_.take(id_);   // given up while it stood still
  }
  transfer.bytes = bytes;
  appliance_.touch(*m);
  const bool due = bytes >= transfer.bytes_stored + progress_bytes || (now - transfer.stored_at >= progress_time && bytes > transfer.bytes_stored);
  if (!due) return;
  transfer.bytes_stored = bytes;
  transfer.stored_at = now;
  appliance_.journal_.progress(transfer.step_id, bytes);
}

asio::awaitable<void> ApplianceBerth::sent(Result<transfer::Delivery> delivery) {
  stall_.rest();
  free_turn();
  judged_ = false;
  if (!sending_) co_return;
  const auto transfer = *std::exchange(sending_, std::nullopt);
  const auto title = transfer.step.module.title();
  std::size_t transfer_bytes = 0;
  if (auto* m = member(); m != nullptr && m->transfer) {
    transfer_bytes = m->transfer->bytes;
    m->transfer.reset();
    appliance_.touch(*m);
  }
  if (!delivery) {
    // A connection that broke says nothing of what the device has: its next Describe does.
    if (delivery.error().kind == Kind::closed || delivery.error().kind == Kind::restarted) {
      if (transfer_bytes > 0) appliance_.journal_.progress(transfer.step_id, transfer_bytes);
      record(log::Level::warning, "interrupted", fmt::format("the sending of {} was interrupted: {}. What the device has of it, its next Describe tells", title, delivery.error().message));
      co_return;
    }
    record(log::Level::warning, "failed", fmt::format("{} was not sent: {}", title, delivery.error().message));
    (void)co_await appliance_.journal_.failed(id_.text(), transfer.step_id, delivery.error().message);
    co_return;
  }
  const auto seconds = std::chrono::duration<double>(Clock::now() - transfer.began).count();
  const auto again = delivery->resent ? fmt::format(", {} chunks twice", delivery->resent) : "";
  const bool confirmed = delivery->confirmed || resets_without_a_word_;
  record(log::Level::info, "sent", confirmed ? fmt::format("{} was sent in {:.1f} s{}; the device resets now", title, seconds, again)
                                             : fmt::format("all of {} was sent, and the connection ended before the device confirmed it", title));
  if (auto* m = member()) {
    const auto words = confirmed ? fmt::format("took {}; must come back and report it", title) : fmt::format("was sent {} and did not confirm it; must come back and report what it runs", title);
    set_state(*m, "updating", words);
  }
  (void)co_await appliance_.journal_.sent(transfer.step_id, confirmed);
  if (auto* m = member(); m != nullptr && appliance_.stopping_) m->channel->close();
}

void ApplianceBerth::leaving(const Error& why) {
  if (auto* m = appliance_.find(id_); m != nullptr && m->lines.take(Clock::now())) log::info("{}: disconnected: {}", id_.text(), why.message);
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
