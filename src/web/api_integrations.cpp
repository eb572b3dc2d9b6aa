// Who is told outside of what happens here: webhooks, e-mail, ntfy.
#include "web/api.hpp"
#include "web/json_body.hpp"

#include "base/clock.hpp"
#include "crypto/base64.hpp"
#include "crypto/random.hpp"
#include "integrations/message.hpp"
#include "web/counted_place.hpp"

namespace drydock::web {
namespace {

using nlohmann::json;

constexpr std::int64_t minute = 60'000;
constexpr std::int64_t most_digest_minutes = 24 * 60;
constexpr int dead_told = 100;
constexpr std::size_t secret_bytes = 24;
// Each holds one of CivetWeb's threads.
constexpr int most_tests = 3;

json as_json(const store::Integration& integration, const store::DeliveryCounts& counts) {
  return {{"id", integration.id}, {"name", integration.name}, {"kind", integration.kind},
      {"events", integration.events}, {"settings", integrations::shown_settings(integration.settings)},
      {"digest_minutes", integration.digest / minute}, {"enabled", integration.enabled},
      {"created", integration.created}, {"waiting", counts.waiting}, {"dead", counts.dead},
      {"dropped", integration.dropped},
      {"last_sent", integration.last_sent == 0 ? json(nullptr) : json(integration.last_sent)},
      {"last_error", integration.last_error}};
}

std::string printed(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

// `before`: its settings, of which what is secret stays where nothing is said of it.
Result<store::Integration> integration_in(const Request& request, const std::string& before) {
  const auto body = json_body(request, {"name", "kind", "events", "settings", "digest_minutes", "enabled"});
  if (!body) return tl::unexpected(body.error());
  store::Integration integration;
  auto name = text_in(*body, "name");
  auto kind = text_in(*body, "kind");
  auto events = texts_in(*body, "events");
  if (!name) return tl::unexpected(name.error());
  if (!kind) return tl::unexpected(kind.error());
  if (!events) return tl::unexpected(events.error());
  integration.name = std::move(*name);
  integration.kind = std::move(*kind);
  integration.events = std::move(*events);
  if (const auto read = number_in(*body, "digest_minutes", 0, most_digest_minutes, integration.digest, minute); !read)
    return tl::unexpected(read.error());
  if (integration.kind == "webhook") integration.digest = 0;
  if (body->contains("enabled")) {
    const auto enabled = flag_in(*body, "enabled");
    if (!enabled) return tl::unexpected(enabled.error());
    integration.enabled = *enabled;
  }
  auto settings = integrations::usable_settings(integration, body->value("settings", json(nullptr)), before);
  if (!settings) return tl::unexpected(settings.error());
  integration.settings = std::move(*settings);
  return integration;
}

}  // namespace

Response Api::integrations() const {
  auto lease = readers_.lease();
  auto counts = store::count_deliveries(*lease);
  auto list = json::array();
  for (const auto& each : store::load_integrations(*lease)) list.push_back(as_json(each, counts[each.id]));
  return json_answer(printed({{"integrations", list}}));
}

// The secret that signs a webhook is told once.
Response Api::add_integration(const Request& request) {
  auto given = integration_in(request, "");
  if (!given) return problem(given.error());
  given->created = utc_milliseconds();
  json told = json::object();
  if (given->kind == "webhook") {
    auto settings = json::parse(given->settings);
    if (settings["secret"].get<std::string>().empty())
      settings["secret"] = "whsec_" + crypto::to_base64(crypto::SystemRandom().bytes(secret_bytes));
    told["secret"] = settings["secret"];
    given->settings = printed(settings);
  }
  const auto id = std::make_shared<std::int64_t>(0);
  const auto added = bridge_.change([integration = *given, id](store::Database& db) -> Result<void> {
    const auto made = store::add_integration(db, integration);
    if (!made) return tl::unexpected(made.error());
    *id = *made;
    return {};
  });
  if (!added) return problem(added.error());
  told["id"] = *id;
  return json_answer(printed(told), 201);
}

Response Api::save_integration(const Request& request, const std::string& id) {
  const auto before = find_integration(id);
  if (!before) return problem(before.error());
  auto given = integration_in(request, before->settings);
  if (!given) return problem(given.error());
  if (given->kind != before->kind)
    return problem(409, "Not now", "an integration stays of its kind: make another one, and remove this one");
  given->id = before->id;
  const auto saved =
      bridge_.change([integration = *given](store::Database& db) { return store::save_integration(db, integration); });
  return saved ? done() : problem(saved.error());
}

Response Api::remove_integration(const std::string& id) {
  const auto found = find_integration(id);
  if (!found) return problem(found.error());
  const auto removed =
      bridge_.change([number = found->id](store::Database& db) { return store::remove_integration(db, number); });
  return removed ? done() : problem(removed.error());
}

Response Api::test_integration(const std::string& id) {
  const auto found = find_integration(id);
  if (!found) return problem(found.error());
  const CountedPlace place(tests_);
  if (place.number() > most_tests) return problem(409, "Another one is under way", "try again in a moment");
  const auto sent = options_.test_integration(*found);
  if (!sent) return problem(502, "It was not sent", sent.error().message);
  // What failed before need not wait for its next turn; what is to be told later does.
  if (!found->last_error.empty()) options_.hurry_integration(found->id);
  return done();
}

Response Api::dead_deliveries(const std::string& id) const {
  const auto found = find_integration(id);
  if (!found) return problem(found.error());
  auto lease = readers_.lease();
  auto list = json::array();
  for (const auto& each : store::dead_deliveries(*lease, found->id, dead_told))
    list.push_back({{"id", each.id}, {"event", each.event}, {"data", each.data}, {"device", each.device_id},
        {"published_at", each.published_at}, {"error", each.error}});
  return json_answer(printed({{"dead", list}}));
}

// What waits is tried at once too.
Response Api::retry_integration(const std::string& id) {
  const auto found = find_integration(id);
  if (!found) return problem(found.error());
  const auto changed = bridge_.write([number = found->id](store::Database& db) -> Result<void> {
    store::retry_dead_deliveries(db, number);
    return {};
  });
  if (!changed) return problem(changed.error());
  options_.hurry_integration(found->id);
  return done();
}

Response Api::remove_dead_deliveries(const std::string& id) {
  const auto found = find_integration(id);
  if (!found) return problem(found.error());
  const auto changed = bridge_.write([number = found->id](store::Database& db) -> Result<void> {
    store::remove_dead_deliveries(db, number);
    return {};
  });
  return changed ? done() : problem(changed.error());
}

Result<store::Integration> Api::find_integration(const std::string& id) const {
  const auto number = number_of(id);
  auto lease = readers_.lease();
  auto found = number ? store::load_integration(*lease, *number) : std::nullopt;
  if (!found) return failure(ErrorKind::not_found, "there is no such integration");
  return std::move(*found);
}

}  // namespace drydock::web
