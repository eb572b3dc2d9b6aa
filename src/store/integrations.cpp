#include "store/integrations.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "store/changes.hpp"
#include "store/statement.hpp"

#include <fmt/core.h>
#include <map>

namespace drydock::store {
namespace {

constexpr const char* columns =
    "id, name, kind, events, settings, digest, enabled, created, dropped, last_sent, last_error";
constexpr const char* delivery_columns =
    "id, integration_id, node, event, data, device_id, published_at, attempts, error";

std::string lines(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& line : list) text += (text.empty() ? "" : "\n") + line;
  return text;
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    list.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return list;
}

Integration read_integration(Statement& s) {
  Integration integration;
  integration.id = s.integer(0);
  integration.name = s.text(1);
  integration.kind = s.text(2);
  integration.events = list_of(s.text(3));
  integration.settings = s.text(4);
  integration.digest = s.integer(5);
  integration.enabled = s.boolean(6);
  integration.created = s.integer(7);
  integration.dropped = s.integer(8);
  integration.last_sent = s.integer(9);
  integration.last_error = s.text(10);
  return integration;
}

std::vector<Delivery> read_deliveries(Statement& s) {
  std::vector<Delivery> list;
  while (s.step()) {
    Delivery delivery;
    delivery.id = s.integer(0);
    delivery.integration = s.integer(1);
    delivery.node = s.integer(2);
    delivery.event = s.text(3);
    delivery.data = s.text(4);
    delivery.device_id = s.text(5);
    delivery.published_at = s.integer(6);
    delivery.attempts = s.integer(7);
    delivery.error = s.text(8);
    list.push_back(std::move(delivery));
  }
  return list;
}

bool name_is_taken(Database& db, const Integration& integration) {
  Statement s(db, "SELECT count(*) FROM integrations WHERE name = ? AND id <> ?");
  s.bind(1, integration.name);
  s.bind(2, integration.id);
  s.step();
  return s.integer(0) != 0;
}

void bind_said(Statement& s, const Integration& integration) {
  s.bind(1, integration.name);
  s.bind(2, integration.kind);
  s.bind(3, lines(integration.events));
  s.bind(4, integration.settings);
  s.bind(5, integration.digest);
  s.bind(6, integration.enabled ? 1 : 0);
}

tl::unexpected<Error> taken() {
  return failure(ErrorKind::conflict, "there is an integration of this name already");
}

}  // namespace

std::vector<Integration> load_integrations(Database& db) {
  Statement s(db, fmt::format("SELECT {} FROM integrations ORDER BY id", columns));
  std::vector<Integration> list;
  while (s.step()) list.push_back(read_integration(s));
  return list;
}

std::optional<Integration> load_integration(Database& db, std::int64_t id) {
  Statement s(db, fmt::format("SELECT {} FROM integrations WHERE id = ?", columns));
  s.bind(1, id);
  if (!s.step()) return std::nullopt;
  return read_integration(s);
}

Result<std::int64_t> add_integration(Database& db, const Integration& integration) {
  if (name_is_taken(db, integration)) return taken();
  if (query_integer(db, "SELECT count(*) FROM integrations") >= limits::integrations)
    return failure(ErrorKind::conflict, fmt::format("there are {} integrations already", limits::integrations));
  Statement s(db,
      "INSERT INTO integrations (name, kind, events, settings, digest, enabled, created) VALUES (?,?,?,?,?,?,?) "
      "RETURNING id");
  bind_said(s, integration);
  s.bind(7, integration.created);
  s.step();
  const auto id = s.integer(0);
  s.execute_rest();
  note_change(db, subject::integrations);
  return id;
}

Result<void> save_integration(Database& db, const Integration& integration) {
  if (name_is_taken(db, integration)) return taken();
  Statement s(db,
      "UPDATE integrations SET name = ?1, kind = ?2, events = ?3, settings = ?4, digest = ?5, enabled = ?6, dropped = "
      "0, last_error = '' WHERE id = ?7");
  bind_said(s, integration);
  s.bind(7, integration.id);
  if (s.execute() == 0) return failure(ErrorKind::not_found, "there is no such integration any more");
  note_change(db, subject::integrations);
  return {};
}

Result<void> remove_integration(Database& db, std::int64_t id) {
  Statement s(db, "DELETE FROM integrations WHERE id = ?");
  s.bind(1, id);
  if (s.execute() == 0) return failure(ErrorKind::not_found, "there is no such integration");
  note_change(db, subject::integrations);
  return {};
}

void count_dropped(Database& db, std::int64_t integration, std::int64_t deliveries) {
  Statement s(db, "UPDATE integrations SET dropped = dropped + ? WHERE id = ?");
  s.bind(1, deliveries);
  s.bind(2, integration);
  s.execute();
}

void enqueue(
    Database& db, const std::vector<Delivery>& deliveries, const std::function<std::int64_t(const Delivery&)>& most) {
  Statement count(db, "SELECT count(*) FROM deliveries WHERE integration_id = ? AND state = 'waiting'");
  Statement s(db,
      "INSERT INTO deliveries (integration_id, node, event, data, device_id, published_at, state, attempts, error) "
      "SELECT id, ?2, ?3, ?4, ?5, ?6, 'waiting', 0, '' FROM integrations WHERE id = ?1");
  std::map<std::int64_t, std::int64_t> waiting;  // counted once for all
  std::map<std::int64_t, std::int64_t> dropped;
  for (const auto& delivery : deliveries) {
    const auto [found, fresh] = waiting.try_emplace(delivery.integration, 0);
    if (fresh) {
      count.bind(1, delivery.integration);
      count.step();
      found->second = count.integer(0);
      count.reset();
    }
    if (found->second >= most(delivery)) {
      ++dropped[delivery.integration];
      continue;
    }
    s.bind(1, delivery.integration);
    s.bind(2, delivery.node);
    s.bind(3, delivery.event);
    s.bind(4, delivery.data);
    s.bind(5, delivery.device_id);
    s.bind(6, delivery.published_at);
    found->second += s.execute();
    s.reset();
  }
  for (const auto& [integration, events] : dropped) count_dropped(db, integration, events);
}

std::vector<Delivery> waiting_deliveries(Database& db, std::int64_t integration, std::int64_t node, int limit) {
  Statement s(db,
      fmt::format("SELECT {} FROM deliveries WHERE integration_id = ? AND state = 'waiting' AND node = ? ORDER BY id "
                  "LIMIT ?",
          delivery_columns));
  s.bind(1, integration);
  s.bind(2, node);
  s.bind(3, limit);
  return read_deliveries(s);
}

bool waits_for_any(Database& db, std::int64_t integration, std::int64_t node, std::span<const char* const> events) {
  std::string places;
  for (std::size_t i = 0; i < events.size(); ++i) places += i == 0 ? "?" : ", ?";
  Statement s(db,
      fmt::format("SELECT 1 FROM deliveries WHERE integration_id = ? AND state = 'waiting' AND node = ? AND event IN "
                  "({}) LIMIT 1",
          places));
  s.bind(1, integration);
  s.bind(2, node);
  int place = 3;
  for (const auto* event : events) s.bind(place++, std::string(event));
  return s.step();
}

void adopt_deliveries(Database& db, std::int64_t node) {
  Statement s(db, "UPDATE deliveries SET node = ?1 WHERE node <> ?1 AND node NOT IN (SELECT id FROM nodes)");
  s.bind(1, node);
  s.execute();
}

void mark_sent(
    Database& db, const std::vector<Delivery>& deliveries, std::int64_t utc_now, const std::string& problem) {
  if (deliveries.empty()) return;
  Statement s(db, "DELETE FROM deliveries WHERE id = ?");
  for (const auto& delivery : deliveries) {
    s.bind(1, delivery.id);
    s.execute();
    s.reset();
  }
  Statement note(db, "UPDATE integrations SET last_sent = ?, last_error = ? WHERE id = ?");
  note.bind(1, utc_now);
  note.bind(2, shorten(problem, limits::message_length));
  note.bind(3, deliveries.front().integration);
  note.execute();
}

void mark_failed(Database& db, const std::vector<Delivery>& deliveries, const std::string& error,
    std::int64_t most_attempts, std::int64_t most_dead) {
  if (deliveries.empty()) return;
  const auto words = shorten(error, limits::message_length);
  Statement s(db, "UPDATE deliveries SET attempts = attempts + 1, error = ?, state = ? WHERE id = ?");
  for (const auto& delivery : deliveries) {
    s.bind(1, words);
    s.bind(2, delivery.attempts + 1 >= most_attempts ? "dead" : "waiting");
    s.bind(3, delivery.id);
    s.execute();
    s.reset();
  }
  const auto integration = deliveries.front().integration;
  Statement note(db, "UPDATE integrations SET last_error = ? WHERE id = ?");
  note.bind(1, words);
  note.bind(2, integration);
  note.execute();
  Statement trim(db,
      "DELETE FROM deliveries WHERE integration_id = ?1 AND state = 'dead' AND id NOT IN (SELECT id FROM deliveries "
      "WHERE integration_id = ?1 AND state = 'dead' ORDER BY id DESC LIMIT ?2)");
  trim.bind(1, integration);
  trim.bind(2, most_dead);
  const auto gone = trim.execute();
  if (gone != 0) count_dropped(db, integration, gone);
}

std::map<std::int64_t, DeliveryCounts> count_deliveries(Database& db) {
  Statement s(db, "SELECT integration_id, state, count(*) FROM deliveries GROUP BY integration_id, state");
  std::map<std::int64_t, DeliveryCounts> counts;
  while (s.step()) (s.text(1) == "dead" ? counts[s.integer(0)].dead : counts[s.integer(0)].waiting) = s.integer(2);
  return counts;
}

std::vector<Delivery> dead_deliveries(Database& db, std::int64_t integration, int limit) {
  Statement s(db,
      fmt::format("SELECT {} FROM deliveries WHERE integration_id = ? AND state = 'dead' ORDER BY id DESC LIMIT ?",
          delivery_columns));
  s.bind(1, integration);
  s.bind(2, limit);
  return read_deliveries(s);
}

void retry_dead_deliveries(Database& db, std::int64_t integration) {
  Statement s(db, "UPDATE deliveries SET state = 'waiting', attempts = 0 WHERE integration_id = ? AND state = 'dead'");
  s.bind(1, integration);
  s.execute();
}

void remove_dead_deliveries(Database& db, std::int64_t integration) {
  Statement s(db, "DELETE FROM deliveries WHERE integration_id = ? AND state = 'dead'");
  s.bind(1, integration);
  s.execute();
}

}  // namespace drydock::store
