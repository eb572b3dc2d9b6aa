// What comes from a broker: commands, events for devices, and what it had retained.
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/text.hpp"
#include "integrations/mqtt_publisher.hpp"
#include "server/commands.hpp"
#include "store/audit.hpp"

namespace drydock::integrations {
namespace {

metrics::Counter commands_left_out("drydock_mqtt_commands_left_out_total", "What came by topics and was not usable.");

}  // namespace

void MqttPublisher::on_received(const std::string& topic, std::string payload, bool retained) {
  const auto& topics = home_assistant_.topics;
  if (topic == home_assistant_.birth_topic() && !home_assistant_.discovery.empty()) {
    if (payload == "online" && !retained) {
      published_.clear();
      all_due_ = true;
      fleet_at_ = {};
    }
    return;
  }
  // A client that wrote there, or a connection of before whose end the broker has found only now.
  if (topic == topics.status()) {
    status_due_ |= payload != "online";
    return;
  }
  // Of a device that was forgotten while nobody could be told.
  if (const auto id = topics.device_of_state(topic); !id.empty()) {
    if (retained && !payload.empty()) {
      published_.try_emplace(topic, 0);
      dirty_.insert(id);
    }
    return;
  }
  if (retained || !command_budget_.take(Clock::now()))
    return;  // a command that somebody left there would come again and again
  if (home_assistant_.commands && topic == topics.pause()) {
    if (payload != "ON" && payload != "OFF") return left_out(topic, "it takes ON and OFF");
    const bool paused = payload == "ON";
    tell(paused ? "fleet/pause" : "fleet/resume", change([paused](store::Database& db) -> Result<void> {
      server::commands::pause(db, paused);
      return {};
    }));
    fleet_at_ = {};
    return;
  }
  if (const auto id = topics.device_of_install(topic); !id.empty() && home_assistant_.commands) {
    if (payload == "INSTALL")
      install(id);
    else
      left_out(topic, "it takes INSTALL");
    return;
  }
  const auto name = topics.published_name(topic);
  server::PublishedEvent event;
  event.name = name;
  event.data = std::move(payload);
  event.published_at = utc_milliseconds();
  if (name.empty()) return;
  if (!begins_with_any(name, configuration_.publish))
    return left_out(topic, "mqtt.publish has no beginning of this name");
  if (const auto why = server::unusable_event(event)) return left_out(topic, *why);
  services_.bridge.publish(std::move(event));
}

// Whoever sent it is told nothing by MQTT; a line for each would be one more thing that a client can make this do.
void MqttPublisher::left_out(const std::string& topic, const std::string& why) {
  commands_left_out.add();
  if (left_out_lines_.take(Clock::now()))
    log::warning("MQTT: what came at {} is left out: {}", log::printable(shorten(topic, 200)), why);
}

// Whatever kept the update back: a pause of this device's, failures before, its application, the hours.
void MqttPublisher::install(const std::string& id) {
  const bool paused = services_.bridge.snapshot()->paused;
  const auto done = change([id](store::Database& db) -> Result<void> {
    const auto row = store::load_device(db, id);
    if (!row || row->approval != "approved") return failure(ErrorKind::not_found, "there is no such device");
    server::commands::retry(db, id);
    server::commands::hold(db, id, false);
    server::commands::force(db, id, true);
    return {};
  });
  tell("devices/" + id + "/install", done, paused ? "it begins when all updates go on, which are paused" : "done");
}

Result<void> MqttPublisher::change(service::LoopBridge::Work work) {
  try {
    return services_.bridge.change(std::move(work));
  } catch (const store::Unavailable& e) {
    return failure(ErrorKind::storage, e.what());
  }
}

void MqttPublisher::tell(const std::string& what, const Result<void>& done, const char* words) {
  if (!done) log::warning("MQTT: {}: {}", what, done.error().message);
  services_.bridge.write_soon([what, outcome = done ? std::string(words) : done.error().message](store::Database& db) {
    store::append_audit(db, {0, utc_milliseconds(), "MQTT", "broker", what, outcome});
  });
}

}  // namespace drydock::integrations
