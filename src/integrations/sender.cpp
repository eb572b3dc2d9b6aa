#include "integrations/sender.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "integrations/event_words.hpp"
#include "store/device_list.hpp"
#include "store/devices.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::integrations {
namespace {

using namespace std::chrono_literals;

metrics::Counter messages_sent("drydock_messages_sent_total", "Webhooks, e-mails and ntfy messages that arrived.");
metrics::Counter messages_failed("drydock_messages_failed_total", "Tries to send one that came to nothing.");
metrics::Counter messages_dead("drydock_messages_given_up_total", "Events that were tried too often.");

// While there is nothing to wait for; and while the database does not take what there is to write.
constexpr auto idle = 60s;
constexpr std::chrono::milliseconds database_pause = 1s;
// Machines that went away leave theirs behind.
constexpr auto adopting_pause = 30s;

// A person waits for it, and so does one of the page's threads.
constexpr auto longest_test = 30s;

// Each event wakes the sender; what is urgent is looked for among all that waits.
constexpr auto urgent_every = 1s;

constexpr int most_in_a_digest = limits::deliveries_waiting + limits::urgent_deliveries_waiting;

}  // namespace

Sender::Sender(Options options)
    : options_(std::move(options)), readers_(options_.location), thread_([this] { run(); }) {}

Sender::~Sender() {
  stop();
  thread_.join();
}

void Sender::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  tested_.notify_all();
  wake();
}

void Sender::wake() {
  look_ = true;
  const std::lock_guard lock(mutex_);
  if (client_) client_->wake();
}

void Sender::hurry(std::int64_t integration) {
  {
    const std::lock_guard lock(mutex_);
    hurried_.insert(integration);
  }
  wake();
}

Result<void> Sender::test(const store::Integration& integration) {
  Told told;
  told.delivery.event = "drydock/test";
  told.delivery.data = R"({"test":true})";
  told.delivery.published_at = utc_milliseconds();
  const auto test = std::make_shared<Test>();
  test->message = make_message(integration, {told}, options_.appliance, utc_milliseconds());
  std::unique_lock lock(mutex_);
  asked_.push_back(test);
  if (client_) client_->wake();
  tested_.wait_for(lock, longest_test, [&] { return test->outcome || stopping_ || !problem_.empty(); });
  if (test->outcome) return *test->outcome;
  if (!problem_.empty()) return failure(ErrorKind::not_found, problem_);
  return failure(ErrorKind::timed_out, "it took too long");
}

// Here, for it takes a while to load it.
bool Sender::load_client() {
  const auto curl = Libcurl::load();
  auto problem = curl ? std::string() : curl.error().message;
  try {
    auto client = curl ? std::make_unique<MessageClient>(**curl, PrivateNetworks(options_.private_networks)) : nullptr;
    const std::lock_guard lock(mutex_);
    client_ = std::move(client);
  } catch (const std::exception& e) {
    problem = e.what();
  }
  if (problem.empty()) return true;
  log::error("{}", problem);
  {
    const std::lock_guard lock(mutex_);
    problem_ = problem;
  }
  tested_.notify_all();
  return false;
}

void Sender::work(std::chrono::milliseconds longest) {
  for (auto& [key, outcome] : client_->wait(longest)) take(key, std::move(outcome));
}

void Sender::run() {
  if (!load_client()) return;
  auto adopted = Clock::time_point{};
  const bool alone = options_.node == 0;
  bool told = false;  // while the database is away, once
  while (!stopping_) {
    try {
      if (!ended_.empty()) write_down();
      begin_tests();
      if (adopted == Clock::time_point{} || (!alone && Clock::now() - adopted >= adopting_pause)) {
        adopted = Clock::now();
        options_.write([node = options_.node](store::Database& db) { store::adopt_deliveries(db, node); });
        look_ = true;
      }
      const bool due = std::any_of(schedules_.begin(), schedules_.end(), [](const auto& entry) {
        return entry.second.not_before() != Clock::time_point{} && entry.second.ready(Clock::now());
      });
      if (look_.exchange(false) || due || Clock::now() >= urgent_at_) look();
      told = false;
    } catch (const std::exception& e) {
      if (!std::exchange(told, true)) log::warning("what there is to send cannot be looked at: {}", e.what());
      look_ = true;
      for (auto until = Clock::now() + database_pause; Clock::now() < until && !stopping_;) work(100ms);
      continue;
    }
    work(time_to_next());
  }
}

// Until a pause is over, or there may be something new of another machine's.
std::chrono::milliseconds Sender::time_to_next() const {
  if (!ended_.empty()) return database_pause;
  if (look_) return 0ms;
  auto next = std::min<Clock::time_point>(Clock::now() + idle, urgent_at_);
  for (const auto& [id, schedule] : schedules_)
    if (!schedule.under_way() && schedule.not_before() > Clock::now()) next = std::min(next, schedule.not_before());
  return std::chrono::duration_cast<std::chrono::milliseconds>(next - Clock::now()) + 1ms;
}

void Sender::look() {
  const auto began = Clock::now();
  const bool for_urgent = began >= urgent_at_ || began - urgent_looked_at_ >= urgent_every;
  if (for_urgent) urgent_looked_at_ = began;
  urgent_at_ = for_urgent ? Clock::time_point::max() : std::min(urgent_at_, urgent_looked_at_ + urgent_every);
  auto lease = readers_.lease();
  auto& db = *lease;
  std::set<std::int64_t> hurried;
  {
    const std::lock_guard lock(mutex_);
    hurried.swap(hurried_);
  }
  for (const auto& integration : store::load_integrations(db)) {
    const auto [found, fresh] = schedules_.try_emplace(integration.id, options_.retry);
    auto& schedule = found->second;
    // What was sent before this began counts for the distance of digests too.
    const std::chrono::milliseconds left(std::clamp<std::int64_t>(
        integration.last_sent + integration.digest - utc_milliseconds(), 0, integration.digest));
    if (fresh) schedule.sent(Clock::now(), left);
    // Where it goes to is another one now: what failed before may not any more. Or how often it is told.
    const auto said = fmt::format("{} {}", integration.digest, integration.settings);
    if (std::exchange(settings_[integration.id], said) != said || hurried.contains(integration.id))
      if (!fresh) schedule.hurry();
    if (!integration.enabled) continue;
    const auto now = Clock::now();
    const bool urgent = for_urgent && !schedule.ready(now) && !schedule.under_way() && integration.digest != 0 &&
        store::waits_for_any(db, integration.id, options_.node, urgent_events());
    if (schedule.ready(now) || (urgent && schedule.ready_for_urgent(now))) begin(integration, db, urgent);
    if (urgent && !schedule.under_way()) urgent_at_ = std::min(urgent_at_, schedule.urgent_not_before());
  }
}

void Sender::begin(const store::Integration& integration, store::Database& db, bool urgent) {
  Batch batch;
  batch.digest = std::chrono::milliseconds(integration.digest);
  batch.name = integration.name;
  const bool one_by_one = integration.kind == "webhook";
  batch.deliveries = store::waiting_deliveries(db, integration.id, options_.node, one_by_one ? 1 : most_in_a_digest);
  auto& schedule = schedules_.at(integration.id);
  if (batch.deliveries.empty()) return schedule.hurry();
  if (schedule.fresh()) {
    schedule.resume(Clock::now(), batch.deliveries.front().attempts);
    const auto now = Clock::now();
    if (urgent ? !schedule.ready_for_urgent(now) : !schedule.ready(now)) return;
  }
  std::vector<Told> told;
  for (const auto& delivery : batch.deliveries) {
    const auto row = delivery.device_id.empty() ? std::nullopt : store::load_device(db, delivery.device_id);
    told.push_back({delivery, row ? row->name : ""});
  }
  auto from = options_.appliance;
  constexpr std::int64_t nobody_is_away = 0;  // whether they have what they need is meant
  if (told.size() > 1) from.fleet = fleet_in_words(store::count_devices(db, nobody_is_away));
  client_->start(integration.id, make_message(integration, told, from, utc_milliseconds()));
  schedule.begin();
  under_way_[integration.id] = std::move(batch);
}

void Sender::begin_tests() {
  std::vector<std::shared_ptr<Test>> asked;
  {
    const std::lock_guard lock(mutex_);
    asked.swap(asked_);
  }
  for (auto& test : asked) {
    client_->start(--last_test_, std::move(test->message));
    tests_[last_test_] = std::move(test);
  }
}

void Sender::take(std::int64_t key, Outcome outcome) {
  if (const auto test = tests_.find(key); test != tests_.end()) {
    if (!outcome.error && !outcome.left_out.empty()) outcome.error = Error{ErrorKind::refused, outcome.left_out};
    {
      const std::lock_guard lock(mutex_);
      test->second->outcome = outcome.error ? Result<void>(tl::unexpected(*outcome.error)) : Result<void>();
    }
    tested_.notify_all();
    tests_.erase(test);
    return;
  }
  auto batch = under_way_.extract(key);
  (outcome.error ? messages_failed : messages_sent).add();
  ended_.push_back({key, std::move(batch.mapped()), std::move(outcome)});
}

// A receiver that takes nothing would fill the log with a line for each event.
void Sender::tell_given_up(const Ended& ended, std::size_t events) {
  auto& told = given_up_[ended.integration];
  told.events += events;
  if (!told.lines.take(Clock::now())) return;
  const auto count = std::exchange(told.events, 0);
  log::warning("{}: {} event{} given up: {}", log::printable(ended.batch.name), count, count == 1 ? " was" : "s were",
      ended.outcome.error->message);
}

// Nothing further of an integration begins before, so that nothing is sent twice.
void Sender::write_down() {
  while (!ended_.empty()) {
    const auto& ended = ended_.front();
    auto& schedule = schedules_.at(ended.integration);
    const auto& deliveries = ended.batch.deliveries;
    std::function<void(store::Database&)> work;
    std::ptrdiff_t dead = 0;
    auto after = schedule;
    if (ended.outcome.error) {
      const auto most = ended.outcome.for_good ? 1 : limits::delivery_attempts;
      std::int64_t attempts = 0;
      for (const auto& delivery : deliveries) attempts = std::max(attempts, delivery.attempts + 1);
      dead = std::count_if(deliveries.begin(), deliveries.end(),
          [most](const store::Delivery& delivery) { return delivery.attempts + 1 >= most; });
      after.failed(
          Clock::now(), ended.outcome.for_good ? limits::delivery_attempts : attempts, ended.outcome.asked_to_wait);
      work = [deliveries, words = ended.outcome.error->message, most](
                 store::Database& db) { store::mark_failed(db, deliveries, words, most, limits::deliveries_dead); };
    } else {
      after.sent(Clock::now(), ended.batch.digest);
      work = [deliveries, left_out = ended.outcome.left_out](
                 store::Database& db) { store::mark_sent(db, deliveries, utc_milliseconds(), left_out); };
    }
    if (!options_.write(std::move(work))) return;
    if (dead != 0) {
      messages_dead.add(static_cast<std::uint64_t>(dead));
      tell_given_up(ended, static_cast<std::size_t>(dead));
    }
    schedule = after;
    ended_.pop_front();
    look_ = true;
  }
}

}  // namespace drydock::integrations
