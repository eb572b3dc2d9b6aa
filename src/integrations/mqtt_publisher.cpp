#include "integrations/mqtt_publisher.hpp"

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "integrations/mqtt_former_topics.hpp"
#include "server/commands.hpp"
#include "server/stored_view.hpp"
#include "store/access.hpp"
#include "store/integrations.hpp"
#include "store/rollouts.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::integrations {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

metrics::Counter messages_published("drydock_mqtt_messages_total", "Messages handed to the broker.");
metrics::Counter events_left_out("drydock_mqtt_events_left_out_total", "Events that the broker was not told of.");
metrics::Gauge broker_connected("drydock_mqtt_connected", "1 while there is a connection to the broker.");

constexpr auto turn = 100ms;
constexpr auto look_every = 1s;
constexpr auto list_every = 5s;  // of all devices, however often some come and go
constexpr std::size_t devices_at_once = 50;
constexpr std::size_t most_events = 1'000;
constexpr std::size_t most_vitals_waiting = 1'000;
constexpr std::size_t most_received = 200;
constexpr auto problem_noted_every = 10s;
constexpr auto longest_reset = 3min;
constexpr const char* places_setting = "mqtt_places";
// A broker sends what it has retained at once.
constexpr auto tidying = 10s;

std::string printed(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

MqttPublisher::MqttPublisher(
    const Libmosquitto& library, Services services, const state::Configuration::Mqtt& configuration)
    : services_(std::move(services)),
      configuration_(configuration),
      home_assistant_{MqttTopics(configuration.topic), configuration.discovery, services_.machine, services_.page,
          configuration.commands, configuration.devices},
      readers_(services_.location),
      connection_(std::make_unique<MqttConnection>(library, configuration, home_assistant_.topics.status(),
          MqttConnection::Callbacks{[this] { on_connected(); },
              [this](const std::string& topic) {
                return topic == home_assistant_.birth_topic() ||
                    topic.starts_with(home_assistant_.topics.beginning() + "/");
              },
              [this](const std::string& topic, std::string payload, bool retained) {
                if (received_.size() < most_received) received_.push_back({topic, std::move(payload), retained});
              },
              [this] { return stopping_.load(); }})),
      status_{{"broker", configuration.host}, {"connected", false}, {"problem", ""}},
      listening_(services_.events.add([this](const server::PublishedEvent& event) { hear(event); })),
      thread_([this] { run(); }) {}

MqttPublisher::~MqttPublisher() {
  listening_.reset();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

json MqttPublisher::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

// On the devices' loop.
void MqttPublisher::hear(const server::PublishedEvent& event) {
  if (!event.from) return;
  const auto id = event.from->text();
  if (event.name == "spark/device/diagnostics/update") {
    const std::lock_guard lock(mutex_);
    if (said_.size() < most_vitals_waiting || said_.contains(id)) said_[id] = event.data;
    return;
  }
  if (!begins_with_any(event.name, configuration_.events)) return;
  auto topic = home_assistant_.topics.event(id, event.name);
  if (!topic) return;
  const std::lock_guard lock(mutex_);
  if (events_.size() >= most_events) {
    events_.pop_front();
    events_left_out.add();
  }
  events_.push_back({std::move(*topic), event.data});
}

void MqttPublisher::run() {
  bool told = false;  // while the database is away, once
  while (!stopping_) {
    try {
      if (!connection_->work(turn)) rest(turn);
      const bool connected = connection_->connected();
      broker_connected.set(connected ? 1 : 0);
      {
        const std::lock_guard lock(mutex_);
        status_["connected"] = connected;
        status_["problem"] = connection_->problem();
      }
      for (auto& message : std::exchange(received_, {}))
        on_received(message.topic, std::move(message.payload), message.retained);
      note_vitals();
      note_problem();
      if (!connected) continue;
      clear_former_topics();
      publish_fleet();
      publish_events();
      note_changes();
      publish_devices();
      if (tidy_until_ != Clock::time_point{} && Clock::now() > tidy_until_) {
        tidy_until_ = {};
        connection_->unsubscribe(home_assistant_.topics.every_state());
      }
      told = false;
    } catch (const std::exception& e) {
      if (!std::exchange(told, true)) log::warning("the broker cannot be told of the fleet: {}", e.what());
      for (auto until = Clock::now() + 2s; Clock::now() < until && !stopping_;)
        if (!connection_->work(turn)) rest(turn);
    }
  }
  connection_.reset();
}

void MqttPublisher::rest(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  stop_.wait_for(lock, time, [this] { return stopping_.load(); });
}

// Whatever the broker had before: it may have lost it.
void MqttPublisher::on_connected() {
  published_.clear();
  former_.reset();
  all_due_ = true;
  fleet_at_ = {};
  connection_->subscribe(home_assistant_.topics.status());
  if (!home_assistant_.discovery.empty()) connection_->subscribe(home_assistant_.birth_topic());
  if (home_assistant_.commands) {
    connection_->subscribe(home_assistant_.topics.every_install());
    connection_->subscribe(home_assistant_.topics.pause());
  }
  if (!configuration_.publish.empty()) connection_->subscribe(home_assistant_.topics.every_publication());
  // It may be what is retained there that was too much.
  if (connection_->overfed()) return;
  connection_->subscribe(home_assistant_.topics.every_state());
  tidy_until_ = Clock::now() + tidying;
}

void MqttPublisher::note_vitals() {
  std::map<std::string, std::string> said;
  {
    const std::lock_guard lock(mutex_);
    said.swap(said_);
  }
  for (auto& [id, text] : said) {
    auto vitals = diagnostics_of(json::parse(text, nullptr, false));
    if (vitals_.size() >= server::LastVitals::most && !vitals_.contains(id)) continue;
    vitals_[id] = std::move(vitals);
    dirty_.insert(id);
  }
}

void MqttPublisher::note_changes() {
  const auto now = Clock::now();
  if (now - looked_at_ < look_every) return;
  looked_at_ = now;
  const auto snapshot = services_.bridge.snapshot();
  if (snapshot->revision != seen_) {
    if (auto ids = services_.bridge.changed_devices(seen_)) {
      for (auto& id : *ids) dirty_.insert(std::move(id));
      seen_ = snapshot->revision;
    }
  }
  for (auto& [id, until] : resetting_)
    if (until && now >= *until) {
      until.reset();
      dirty_.insert(id);
    }
  all_due_ |= std::exchange(membership_, snapshot->membership_revision) != snapshot->membership_revision;
  all_due_ |= std::exchange(others_, snapshot->others_revision) != snapshot->others_revision;
  if (all_due_ && now - listed_at_ >= (published_.empty() ? 0s : list_every)) {
    listed_at_ = now;
    note_all_devices();
    all_due_ = false;
  }
}

void MqttPublisher::note_all_devices() {
  auto lease = readers_.lease();
  auto ids = store::device_ids(*lease);
  for (const auto& id : known_)
    if (!std::binary_search(ids.begin(), ids.end(), id)) dirty_.insert(id);
  dirty_.insert(ids.begin(), ids.end());
}

void MqttPublisher::publish_devices() {
  if (dirty_.empty() || !connection_->may_publish()) return;
  std::vector<std::string> ids;
  for (const auto& id : dirty_) {
    ids.push_back(id);
    if (ids.size() == devices_at_once) break;
  }
  auto in_memory = services_.bridge.devices_in_memory(ids);
  auto lease = readers_.lease();
  const auto library = services_.bridge.snapshot()->library;
  for (const auto& id : ids) {
    if (!connection_->may_publish()) return;  // the others stay
    std::optional<server::DeviceView> view;
    if (const auto fresher = in_memory.find(id); fresher != in_memory.end()) {
      view = std::move(fresher->second);
    } else {
      view = server::stored_view(*lease, id);
      if (view && view->row.state != "current" && !view->modules_stored.empty())
        view->plan = planning::plan(server::last_report(*view), *library, view->policy.targets);
    }
    publish_device(id, view);
    dirty_.erase(id);
  }
}

// Who waits for approval may be anybody: not told of before.
void MqttPublisher::publish_device(const std::string& id, const std::optional<server::DeviceView>& view) {
  if (!view || view->row.approval != "approved") return forget(id);
  const auto& topics = home_assistant_.topics;
  const auto said = vitals_.find(id);
  const auto diagnostics = said == vitals_.end() ? json::object() : said->second;
  const auto shown = store::shown_state(view->row, store::away_before(services_.away_days, utc_milliseconds()));
  if (home_assistant_.announces_devices())
    publish(home_assistant_.device_topic(id), printed(home_assistant_.device(*view, diagnostics)));
  publish(topics.state(id), printed(state_of(*view, shown)));
  publish(topics.update(id), printed(update_of(*view, resets(id, *view))));
  if (!diagnostics.empty()) publish(topics.diagnostics(id), printed(diagnostics));
  known_.insert(id);
}

// Home Assistant would offer the update again, of a device that is in the middle of it.
bool MqttPublisher::resets(const std::string& id, const server::DeviceView& view) {
  if (!resets_within_update(view)) {
    resetting_.erase(id);
    return false;
  }
  const auto& until = resetting_.try_emplace(id, Clock::now() + longest_reset).first->second;
  return until.has_value();
}

void MqttPublisher::forget(const std::string& id) {
  const auto& topics = home_assistant_.topics;
  const bool there = known_.erase(id) != 0 || published_.contains(topics.state(id));
  if (!there) return;
  std::vector<std::string> all{topics.state(id), topics.update(id), topics.diagnostics(id)};
  if (home_assistant_.announces_devices()) all.insert(all.begin(), home_assistant_.device_topic(id));
  for (const auto& topic : all) {
    connection_->publish(topic, "", true);
    published_.erase(topic);
  }
  vitals_.erase(id);
  resetting_.erase(id);
}

void MqttPublisher::note_problem() {
  const auto now = Clock::now();
  const auto& problem = connection_->problem();
  if (problem.empty() && !connection_->connected()) return;  // it tries again
  if (problem == noted_problem_ || now - problem_noted_at_ < problem_noted_every) return;
  noted_problem_ = problem;
  problem_noted_at_ = now;
  services_.bridge.write_soon(
      [problem](store::Database& db) { store::save_setting(db, store::broker_problem_setting, problem); });
}

void MqttPublisher::find_former_topics() {
  auto lease = readers_.lease();
  const auto before = store::load_setting(*lease, places_setting).value_or("");
  places_known_ = before == places_of(home_assistant_);
  former_.emplace();
  if (places_known_) return;
  former_ = former_topics(before, home_assistant_, store::device_ids(*lease));
  std::reverse(former_->begin(), former_->end());  // they are taken from the end
}

void MqttPublisher::clear_former_topics() {
  if (!former_) find_former_topics();
  while (!former_->empty() && connection_->may_publish()) {
    if (!connection_->publish(former_->back(), "", true)) return;
    former_->pop_back();
  }
  // What the broker has not acknowledged may have to be cleared once more.
  if (places_known_ || !former_->empty() || !connection_->all_acknowledged()) return;
  places_known_ = true;
  services_.bridge.write_soon(
      [places = places_of(home_assistant_)](store::Database& db) { store::save_setting(db, places_setting, places); });
}

void MqttPublisher::publish_fleet() {
  const auto now = Clock::now();
  if (now - fleet_at_ < look_every || !connection_->may_publish()) return;
  fleet_at_ = now;
  if (std::exchange(status_due_, false)) connection_->publish(home_assistant_.topics.status(), "online", true);
  if (!home_assistant_.discovery.empty()) publish(home_assistant_.fleet_topic(), printed(home_assistant_.fleet()));
  const auto snapshot = services_.bridge.snapshot();
  auto lease = readers_.lease();
  const auto states = store::count_devices(*lease, store::away_before(services_.away_days, utc_milliseconds()));
  const auto stopped = store::load_stopped_rollouts(*lease).size();
  publish(home_assistant_.topics.fleet(), printed(fleet_state(states, snapshot->connected, stopped, snapshot->paused)));
}

void MqttPublisher::publish_events() {
  while (connection_->may_publish()) {
    OutgoingEvent event;
    {
      const std::lock_guard lock(mutex_);
      if (events_.empty()) return;
      event = std::move(events_.front());
      events_.pop_front();
    }
    if (connection_->publish(event.topic, event.payload, false)) messages_published.add();
  }
}

void MqttPublisher::publish(const std::string& topic, const std::string& payload) {
  const auto hash = std::hash<std::string>()(payload);
  const auto before = published_.find(topic);
  if (before != published_.end() && before->second == hash) return;
  if (!connection_->publish(topic, payload, true)) return;
  messages_published.add();
  published_[topic] = hash;
}

}  // namespace drydock::integrations
