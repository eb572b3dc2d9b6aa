#include "integrations/integrations.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "integrations/event_words.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <future>

namespace drydock::integrations {
namespace {

metrics::Counter events_dropped(
    "drydock_messages_dropped_total", "Events that nobody was told of, as they could not be written down.");

bool wants(const store::Integration& integration, const std::string& event) {
  return integration.enabled &&
      std::any_of(
          integration.events.begin(), integration.events.end(), [&](const auto& name) { return means(name, event); });
}

std::size_t size_of(const store::Delivery& delivery) {
  return sizeof delivery + delivery.event.size() + delivery.data.size();
}

}  // namespace

Integrations::Integrations(Services services, const state::Configuration::Integrations& configuration)
    : services_(std::move(services)), configuration_(configuration) {
  listening_.push_back(services_.server.own_events().add([this](const server::PublishedEvent& event) { take(event); }));
  listening_.push_back(services_.server.integrations_changed().add([this] { reload(); }));
  reload();
}

Integrations::~Integrations() {
  listening_.clear();
  stopping_ = true;
  sender_.reset();
}

void Integrations::reload() {
  asio::co_spawn(services_.loop, load(++loading_), asio::detached);
}

asio::awaitable<void> Integrations::load(std::uint64_t number) {
  const std::weak_ptr<bool> alive = alive_;
  std::function<std::vector<store::Integration>(store::Database&)> work = store::load_integrations;
  auto loaded = co_await services_.writer.read<std::vector<store::Integration>>(std::move(work));
  if (alive.expired() || number != loading_) co_return;
  loaded_ = number;
  if (loaded)
    list_ = std::move(*loaded);
  else
    log::warning("integrations cannot be read: {}", loaded.error().message);
  for (const auto& event : std::exchange(meanwhile_, {})) take(event);
  const bool any = std::any_of(list_.begin(), list_.end(), [](const auto& each) { return each.enabled; });
  if (!any && !sender_) co_return;
  sender().wake();
}

void Integrations::take(const server::PublishedEvent& event) {
  // One that was just made wants it, perhaps.
  if (loaded_ != loading_ && meanwhile_.size() < limits::deliveries_begun) return meanwhile_.push_back(event);
  for (const auto& integration : list_) {
    if (!wants(integration, event.name)) continue;
    store::Delivery delivery;
    delivery.integration = integration.id;
    delivery.node = services_.server.node();
    delivery.event = event.name;
    delivery.data = event.data;
    delivery.device_id = event.from ? event.from->text() : "";
    delivery.published_at = event.published_at;
    const auto before = begun_.find(integration.id);
    // A database that is away must not fill the memory.
    if ((before != begun_.end() && before->second >= limits::deliveries_begun) ||
        begun_bytes_ + size_of(delivery) > limits::bytes_begun) {
      lose(integration.id, "the database takes too long");
      continue;
    }
    ++begun_[integration.id];
    begun_bytes_ += size_of(delivery);
    to_write_.push_back(std::move(delivery));
  }
  if (to_write_.empty() || std::exchange(writing_, true)) return;
  asio::co_spawn(services_.loop, write_down(), asio::detached);
}

// What has come meanwhile is written together.
asio::awaitable<void> Integrations::write_down() {
  const std::weak_ptr<bool> alive = alive_;
  bool written_before = true;
  while (!to_write_.empty() || (!lost_.empty() && written_before)) {
    const auto count = std::min(to_write_.size(), limits::deliveries_written);
    const auto end = to_write_.begin() + static_cast<std::ptrdiff_t>(count);
    auto some = std::make_shared<std::vector<store::Delivery>>(
        std::make_move_iterator(to_write_.begin()), std::make_move_iterator(end));
    to_write_.erase(to_write_.begin(), end);
    std::function<void(store::Database&)> work = [some, lost = lost_](store::Database& db) {
      store::enqueue(db, *some, [](const store::Delivery& delivery) {
        return limits::deliveries_waiting + (is_urgent(delivery.event) ? limits::urgent_deliveries_waiting : 0);
      });
      for (const auto& [integration, events] : lost) store::count_dropped(db, integration, events);
    };
    const auto counted = std::exchange(lost_, {});
    const auto written = co_await services_.writer.perform(std::move(work));
    if (alive.expired()) co_return;
    written_before = written.has_value();
    if (!written)
      for (const auto& [integration, events] : counted) lost_[integration] += events;
    for (const auto& delivery : *some) {
      if (--begun_[delivery.integration] == 0) begun_.erase(delivery.integration);
      begun_bytes_ -= size_of(delivery);
      if (!written) lose(delivery.integration, written.error().message);
    }
    tell_lost();
    const std::lock_guard lock(mutex_);
    if (sender_) sender_->wake();
  }
  writing_ = false;
}

void Integrations::lose(std::int64_t integration, const std::string& why) {
  events_dropped.add();
  ++lost_[integration];
  ++untold_;
  why_lost_ = why;
}

// A line for each would fill the log.
void Integrations::tell_lost() {
  if (untold_ == 0 || !lost_lines_.take(Clock::now())) return;
  log::error("{} event{} could not be written down for webhooks, e-mail and ntfy: {}", untold_, untold_ == 1 ? "" : "s",
      why_lost_);
  untold_ = 0;
}

bool Integrations::write(std::function<void(store::Database&)> work) {
  const auto promise = std::make_shared<std::promise<bool>>();
  auto done = promise->get_future();
  asio::post(services_.loop,
      [&loop = services_.loop, &writer = services_.writer, alive = std::weak_ptr<bool>(alive_), promise,
          work = std::move(work)]() mutable {
        if (alive.expired()) return promise->set_value(false);
        asio::co_spawn(
            loop, writer.perform(std::move(work)), [promise](std::exception_ptr failed, Result<void> result) {
              promise->set_value(!failed && result.has_value());
            });
      });
  constexpr std::chrono::milliseconds look{100};
  while (!stopping_)
    if (done.wait_for(look) == std::future_status::ready) return done.get();
  return false;
}

Sender& Integrations::sender() {
  const std::lock_guard lock(mutex_);
  if (!sender_) {
    Sender::Options options{services_.location, services_.server.node(), services_.appliance,
        configuration_.private_networks, configuration_.retry,
        [this](std::function<void(store::Database&)> work) { return write(std::move(work)); }};
    sender_ = std::make_unique<Sender>(std::move(options));
  }
  return *sender_;
}

void Integrations::hurry(std::int64_t integration) {
  const std::lock_guard lock(mutex_);
  if (sender_) sender_->hurry(integration);
}

Result<void> Integrations::test(const store::Integration& integration) {
  if (stopping_) return failure(ErrorKind::closed, "Drydock is stopping");
  return sender().test(integration);
}

void Integrations::close() {
  stopping_ = true;
  const std::lock_guard lock(mutex_);
  if (sender_) sender_->stop();
}

}  // namespace drydock::integrations
