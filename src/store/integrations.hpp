// Who is told outside of what happens here, and what waits to be told to them.
#pragma once

#include "base/result.hpp"
#include "store/database.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace drydock::store {

struct Integration {
  std::int64_t id = 0;
  std::string name;
  std::string kind;                 ///< "webhook", "email" or "ntfy"
  std::vector<std::string> events;  ///< how names of events begin that it is told of
  std::string settings = "{}";      ///< JSON: see integrations/message.hpp
  std::int64_t digest = 0;          ///< milliseconds between two messages, which tell all since; 0: each event is one
  bool enabled = true;
  std::int64_t created = 0;    ///< UTC milliseconds
  std::int64_t dropped = 0;    ///< events, because too many waited
  std::int64_t last_sent = 0;  ///< UTC milliseconds; 0: never
  std::string last_error;      ///< empty: the last one was sent
};

struct Delivery {
  std::int64_t id = 0;
  std::int64_t integration = 0;
  std::int64_t node = 0;  ///< the machine that is to send it
  std::string event;
  std::string data;
  std::string device_id;          ///< empty: of none
  std::int64_t published_at = 0;  ///< UTC milliseconds
  std::int64_t attempts = 0;
  std::string error;  ///< of the last one
};

/// The setting (store/access.hpp) that says why the MQTT broker is not told of anything; empty: it is.
inline constexpr const char* broker_problem_setting = "mqtt_problem";

std::vector<Integration> load_integrations(Database& db);
std::optional<Integration> load_integration(Database& db, std::int64_t id);
/// Gives the new one's id. ErrorKind::conflict: there are too many, or one of this name.
Result<std::int64_t> add_integration(Database& db, const Integration& integration);
/// What people say of it. ErrorKind::not_found, or ErrorKind::conflict as above.
Result<void> save_integration(Database& db, const Integration& integration);
/// With all that waits. ErrorKind::not_found.
Result<void> remove_integration(Database& db, std::int64_t id);

/// Of one or several receivers, in this order, each unless `most` wait already: then it is counted as dropped.
void enqueue(
    Database& db, const std::vector<Delivery>& deliveries, const std::function<std::int64_t(const Delivery&)>& most);
void count_dropped(Database& db, std::int64_t integration, std::int64_t deliveries);
/// What waits to be sent by this machine, the oldest first.
std::vector<Delivery> waiting_deliveries(Database& db, std::int64_t integration, std::int64_t node, int limit);
/// Whether one of these events is among them.
bool waits_for_any(Database& db, std::int64_t integration, std::int64_t node, std::span<const char* const> events);
/// Deliveries of machines that are gone are this one's from now on.
void adopt_deliveries(Database& db, std::int64_t node);
/// `problem`: what was wrong all the same, for people.
void mark_sent(
    Database& db, const std::vector<Delivery>& deliveries, std::int64_t utc_now, const std::string& problem = "");
/// Those that have failed `most_attempts` times now are not tried again. Of such, the oldest beyond `most_dead` go, and
/// count as dropped.
void mark_failed(Database& db, const std::vector<Delivery>& deliveries, const std::string& error,
    std::int64_t most_attempts, std::int64_t most_dead);

struct DeliveryCounts {
  std::int64_t waiting = 0;
  std::int64_t dead = 0;
};
std::map<std::int64_t, DeliveryCounts> count_deliveries(Database& db);
/// Those that were given up, the latest first.
std::vector<Delivery> dead_deliveries(Database& db, std::int64_t integration, int limit);
void retry_dead_deliveries(Database& db, std::int64_t integration);
void remove_dead_deliveries(Database& db, std::int64_t integration);

}  // namespace drydock::store
