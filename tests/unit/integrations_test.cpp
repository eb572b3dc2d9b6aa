#include "base/limits.hpp"
#include "integrations/body_template.hpp"
#include "integrations/delivery_schedule.hpp"
#include "integrations/event_words.hpp"
#include "integrations/message.hpp"
#include "integrations/private_networks.hpp"
#include "store/integrations.hpp"
#include "support/any_engine.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace drydock;
using namespace std::chrono_literals;
using integrations::DeliverySchedule;
using integrations::PrivateNetworks;
using integrations::Told;

namespace {

bool may_reach(const char* address, const std::vector<std::string>& allowed = {}) {
  return PrivateNetworks(allowed).may_reach(asio::ip::make_address(address));
}

Told told_of(const char* event, const char* data, const char* name = "Kitchen") {
  Told told;
  told.delivery.event = event;
  told.delivery.data = data;
  told.delivery.device_id = "0123456789abcdef01234567";
  told.delivery.published_at = 1'700'000'000'000;
  told.device_name = name;
  return told;
}

store::Integration integration_of(const char* kind, const char* settings) {
  store::Integration integration;
  integration.name = kind;
  integration.kind = kind;
  integration.events = {"door/", "spark/status"};
  integration.settings = settings;
  return integration;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(integrations_unit)

BOOST_AUTO_TEST_CASE(pauses_double_and_end) {
  DeliverySchedule schedule(5s);
  Clock::time_point now{};
  now += 1h;
  BOOST_TEST(schedule.ready(now));
  schedule.begin();
  BOOST_TEST(!schedule.ready(now));
  std::vector<std::int64_t> pauses;
  for (int attempt = 1; attempt < limits::delivery_attempts; ++attempt) {
    schedule.begin();
    BOOST_TEST(!schedule.failed(now, attempt, std::nullopt));
    pauses.push_back(std::chrono::duration_cast<std::chrono::seconds>(schedule.not_before() - now).count());
    BOOST_TEST(!schedule.ready(schedule.not_before() - 1ms));
    now = schedule.not_before();
    BOOST_TEST(schedule.ready(now));
  }
  BOOST_TEST(
      pauses == (std::vector<std::int64_t>{5, 10, 20, 40, 80, 160, 320, 640, 1280}), boost::test_tools::per_element());
  BOOST_TEST(schedule.failed(now, limits::delivery_attempts, 60s));
  BOOST_TEST(schedule.ready(now));  // the next one
}

BOOST_AUTO_TEST_CASE(a_receiver_may_ask_for_a_longer_pause_and_not_for_days) {
  DeliverySchedule schedule(5s);
  const Clock::time_point now{};
  schedule.failed(now, 1, Clock::duration(30s));
  BOOST_TEST((schedule.not_before() - now == 30s));
  schedule.failed(now, 1, Clock::duration(1s));
  BOOST_TEST((schedule.not_before() - now == 5s));
  schedule.failed(now, 1, Clock::duration(48h));
  BOOST_TEST((schedule.not_before() - now == limits::longest_delivery_pause));
}

BOOST_AUTO_TEST_CASE(restarts_do_not_use_up_the_tries) {
  DeliverySchedule schedule(5s);
  const Clock::time_point now = Clock::time_point{} + 1h;
  BOOST_TEST(schedule.fresh());
  schedule.resume(now, 0);
  BOOST_TEST(schedule.ready(now));
  schedule.resume(now, 1);
  BOOST_TEST((schedule.not_before() - now == 5s));
  schedule.resume(now, 9);
  BOOST_TEST((schedule.not_before() - now == 20s));
}

BOOST_AUTO_TEST_CASE(a_digest_keeps_its_distance_and_a_person_may_hurry) {
  DeliverySchedule schedule(5s);
  const Clock::time_point now = Clock::time_point{} + 1h;
  schedule.begin();
  schedule.sent(now, 15min);
  BOOST_TEST(!schedule.ready(now + 14min));
  BOOST_TEST(schedule.ready(now + 15min));
  schedule.hurry();
  BOOST_TEST(schedule.ready(now));
}

BOOST_AUTO_TEST_CASE(only_public_addresses_are_reached_unless_a_network_is_named) {
  for (const auto* address : {"8.8.8.8", "1.1.1.1", "172.32.0.1", "2a00:1450::1", "::ffff:8.8.8.8"})
    BOOST_TEST(may_reach(address), address);
  for (const auto* address : {"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254",
           "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "::1", "::", "fe80::1", "fd00::1", "ff02::1",
           "::ffff:127.0.0.1", "::ffff:192.168.1.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "2001:db8::1"})
    BOOST_TEST(!may_reach(address), address);
  BOOST_TEST(may_reach("192.168.1.77", {"10.0.0.0/8", "192.168.1.0/24"}));
  BOOST_TEST(may_reach("::ffff:192.168.1.77", {"192.168.1.0/24"}));
  BOOST_TEST(!may_reach("192.168.2.77", {"192.168.1.0/24"}));
  BOOST_TEST(may_reach("fd12::5", {"fd00::/8"}));
  BOOST_TEST(!may_reach("127.0.0.1", {"fd00::/8"}));
}

BOOST_AUTO_TEST_CASE(a_template_is_filled_in_and_cannot_be_broken_out_of) {
  integrations::Variables variables{{"a", "x\"y\\\n"}, {"PARTICLE_EVENT_NAME", "door"}};
  integrations::add_keys(variables, R"({"t":21.5,"in":{"er":true},"PARTICLE_EVENT_NAME":"forged","a":"late"})");
  BOOST_TEST(
      integrations::fill_in("{{PARTICLE_EVENT_NAME}} {{ t }}/{{in.er}}/{{nothing}}|", variables) == "door 21.5/true/|");
  BOOST_TEST(integrations::fill_in(R"({"v":"{{a}}"})", variables) == R"({"v":"x\"y\\\n"})");
  BOOST_TEST(integrations::fill_in("{{{a}}}", variables) == "x\"y\\\n");
  for (const auto* odd : {"{{", "{{a", "{{{a}}", "}}", "{{}}{", ""}) (void)integrations::fill_in(odd, variables);
  BOOST_TEST(integrations::fill_in("{{open", variables) == "{{open");
}

BOOST_AUTO_TEST_CASE(people_read_what_happened) {
  BOOST_TEST(integrations::line_of(told_of("spark/status", "offline")) == "Kitchen went away");
  BOOST_TEST(integrations::line_of(
                 told_of("drydock/update/failed", R"({"module":"system part 1","words":"it is too large"})")) ==
      "Kitchen: system part 1 failed: it is too large");
  BOOST_TEST(integrations::line_of(told_of("door", "a\nb", "")) == "0123456789abcdef01234567 published door: a?b");
  BOOST_TEST(integrations::line_of(told_of("door", "gr\xf6n")) == "Kitchen published door: gr\xef\xbf\xbdn");
  BOOST_TEST(integrations::line_of(told_of("drydock/absence/began", R"({"minutes":10})")) ==
      "Kitchen has been away for 10 minutes");
  BOOST_TEST(integrations::line_of(told_of("drydock/absence/ended", R"({"minutes":180})")) ==
      "Kitchen is back, after 3 hours");
  std::vector<Told> many(3, told_of("drydock/update/failed", "{}"));
  many.push_back(told_of("drydock/rollout/stopped", "{}"));
  many.push_back(told_of("door", "x"));
  BOOST_TEST(integrations::headline(many) == "1 rollout stopped, 3 modules failed, 1 other event");
}

BOOST_AUTO_TEST_CASE(messages_lead_to_the_page_where_it_is_known) {
  const auto ntfy = integration_of("ntfy", R"({"url":"https://ntfy.sh/x"})");
  const auto click = [&](const std::vector<Told>& told, const std::string& page) {
    for (const auto& line : integrations::make_message(ntfy, told, {"pi", page}, 0).headers)
      if (line.starts_with("Click: ")) return line.substr(7);
    return std::string();
  };
  const auto failed = told_of("drydock/update/failed", "{}");
  BOOST_TEST(click({failed}, "https://pi:8080") == "https://pi:8080/#/device/0123456789abcdef01234567");
  BOOST_TEST(click({failed, failed}, "https://pi:8080") == "https://pi:8080/#/fleet");
  BOOST_TEST(click({failed}, "") == "");
}

// The example of https://www.standardwebhooks.com: its text is signed with its secret.
BOOST_AUTO_TEST_CASE(a_webhook_is_signed_anew_for_each_time) {
  const auto integration =
      integration_of("webhook", R"({"url":"https://example.org/","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})");
  auto told = told_of("door/open", "x");
  told.delivery.id = 7;
  const auto message = integrations::make_message(integration, {told}, {"pi", ""}, 1'614'265'330'000);
  const auto header = [&](std::string_view name) {
    for (const auto& line : message.headers)
      if (line.starts_with(name)) return line.substr(name.size() + 2);
    return std::string();
  };
  BOOST_TEST(header("webhook-id") == "drydock_0_7");
  BOOST_TEST(header("webhook-timestamp") == "1614265330");
  BOOST_TEST(header("webhook-signature").starts_with("v1,"));
  BOOST_TEST(header("webhook-signature").size() == 3 + 44);
  const auto later = integrations::make_message(integration, {told}, {"pi", ""}, 1'614'265'331'000);
  BOOST_TEST((later.headers != message.headers));
  const auto body = nlohmann::json::parse(message.body);
  BOOST_TEST(body["published_at"] == "2023-11-14T22:13:20.000Z");
  BOOST_TEST(body["words"] == "Kitchen published door/open: x");
}

BOOST_AUTO_TEST_CASE(a_mail_has_no_line_of_a_devices_making) {
  const auto integration = integration_of(
      "email", R"({"server":"mail.example.org:587","tls":"starttls","from":"a@example.org","to":["b@example.org"]})");
  const auto message = integrations::make_message(
      integration, {told_of("door", "x\r\nBcc: c@example.org", "K\r\nX: y")}, {"pi", "https://pi:8080"}, 0);
  for (const auto& header : message.headers) BOOST_TEST(header.find_first_of("\r\n") == std::string::npos);
  BOOST_TEST(message.body.find("\nBcc") == std::string::npos);
  BOOST_TEST(message.body.ends_with("\r\nhttps://pi:8080/#/device/0123456789abcdef01234567\r\n"));
  BOOST_TEST(message.needs_tls);
  BOOST_TEST(message.url == "smtp://mail.example.org:587");
}

BOOST_AUTO_TEST_CASE(a_subject_is_written_in_words_that_mail_programs_read) {
  const auto integration = integration_of(
      "email", R"({"server":"mail.example.org:587","tls":"starttls","from":"a@example.org","to":["b@example.org"]})");
  const auto subject = [&](const char* name) {
    for (const auto& header :
        integrations::make_message(integration, {told_of("door", "x", name)}, {"pi", ""}, 0).headers)
      if (header.starts_with("Subject: ")) return header.substr(9);
    return std::string();
  };
  BOOST_TEST(subject("Kitchen") == "Drydock on pi: Kitchen published door: x");
  BOOST_TEST(subject("=?utf-8?q?forged?=").starts_with("=?UTF-8?B?"));
  const auto words = subject(
      "K\xc3\xbc"
      "che in einem Haus mit einem sehr langen Namen, der nicht in ein Wort geht");
  std::istringstream each(words);
  for (std::string word; each >> word;) BOOST_TEST((word.size() <= 75 && word.starts_with("=?UTF-8?B?")), word);
}

BOOST_AUTO_TEST_CASE(what_needs_somebody_is_told_first) {
  std::vector<Told> many(150, told_of("door", "x"));
  many.push_back(told_of("drydock/rollout/stopped", R"({"release":"2.0","reason":"3 of 4 failed"})"));
  const auto integration = integration_of("ntfy", R"({"url":"https://ntfy.sh/x"})");
  const auto message = integrations::make_message(integration, many, {"pi", ""}, 0);
  BOOST_TEST(message.body.find("The rollout of 2.0 has stopped: 3 of 4 failed") != std::string::npos);
  BOOST_TEST(std::count(message.headers.begin(), message.headers.end(), "Priority: high") == 1);
}

BOOST_AUTO_TEST_CASE(a_digest_says_how_the_fleet_is_doing) {
  const auto fleet = integrations::fleet_in_words(
      {{"current", 97}, {"updating", 2}, {"held", 1}, {"awaiting_approval", 5}, {"refused", 1}});
  BOOST_TEST(fleet == "97 of 100 devices are up to date");
  BOOST_TEST(integrations::fleet_in_words({{"blocked", 1}}) == "0 of 1 device is up to date");
  BOOST_TEST(integrations::fleet_in_words({{"awaiting_approval", 1}}) == "");
  for (const auto* kind : {"ntfy", "email"}) {
    const auto integration = integration_of(kind, R"({"url":"https://ntfy.sh/x"})");
    const auto body = [&](std::vector<Told> told) {
      return integrations::make_message(integration, std::move(told), {"pi", "", fleet}, 0).body;
    };
    BOOST_TEST(body({told_of("door", "x"), told_of("door", "y")}).find(fleet) != std::string::npos);
    BOOST_TEST(body({told_of("door", "x")}).find(fleet) == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(what_is_urgent_does_not_wait_for_the_digest) {
  integrations::DeliverySchedule schedule(5s);
  const Clock::time_point now{1h};
  schedule.begin();
  schedule.sent(now, 24h);
  BOOST_TEST(!schedule.ready(now + 1h));
  BOOST_TEST(!schedule.ready_for_urgent(now + 30s));  // nor comes minute by minute
  BOOST_TEST(schedule.ready_for_urgent(now + 1min));
  schedule.begin();
  schedule.failed(now, 3, std::nullopt);
  BOOST_TEST(!schedule.ready_for_urgent(now + 10s));
}

BOOST_AUTO_TEST_CASE(settings_that_cannot_work_are_refused) {
  const auto refused = [](const char* kind, const nlohmann::json& settings) {
    const auto usable = integrations::usable_settings(integration_of(kind, "{}"), settings, "");
    return usable ? std::string() : usable.error().message;
  };
  nlohmann::json mail{{"server", "h"}, {"tls", "starttls"}, {"from", "a@b"}, {"to", {"a@b"}}};
  BOOST_TEST(refused("email", mail) == "");
  for (const auto* server : {"127.0.0.1:1x", "h:25:25", "h?x", "h#x", "h:", "a@h", "", "h:0", "h:99999"}) {
    mail["server"] = server;
    BOOST_TEST(refused("email", mail) != "", server);
  }
  mail["server"] = "h:465";
  BOOST_TEST(refused("email", mail).find("465") != std::string::npos);
  const nlohmann::json hook{{"url", "https://h/"}};
  const auto with = [&](const char* key, const nlohmann::json& value) {
    auto changed = hook;
    changed[key] = value;
    return refused("webhook", changed);
  };
  BOOST_TEST(with("template", R"({"a":"{{WORDS}}"})") == "");
  BOOST_TEST(with("template", R"({"a":"{{WORDS"})") != "");
  BOOST_TEST(with("content_type", "json") != "");
  BOOST_TEST(with("headers", {"Authorization: …"}) != "");
  BOOST_TEST(with("url", "https://h/a b").find("%20") != std::string::npos);
  for (const auto* url : {"https://ntfy.sh", "https://ntfy.sh/"})
    BOOST_TEST(refused("ntfy", {{"url", url}}).find("topic") != std::string::npos);
  BOOST_TEST(refused("ntfy", {{"url", "https://ntfy.sh/x"}}) == "");
  const auto told_of_events = [&](const char* beginning) {
    auto chosen = integration_of("webhook", "{}");
    chosen.events = {beginning};
    return integrations::usable_settings(chosen, hook, "").has_value();
  };
  for (const auto* beginning : {"drydock/", "drydock/absence/", "drydock/absence/began", "dry", "spark/status"})
    BOOST_TEST(told_of_events(beginning), beginning);
  for (const auto* beginning : {"drydock/absense", "drydock/update", "drydock/absence/began/x"})
    BOOST_TEST(!told_of_events(beginning), beginning);
  auto named = integration_of("webhook", "{}");
  named.name = "  ";
  BOOST_TEST(!integrations::usable_settings(named, hook, "").has_value());
}

BOOST_AUTO_TEST_CASE(what_is_secret_stays_and_is_not_shown) {
  auto integration = integration_of("ntfy", "{}");
  const auto first = integrations::usable_settings(integration, {{"url", "https://ntfy.sh/x"}, {"token", "tk_1"}}, "");
  BOOST_REQUIRE(first.has_value());
  const auto second = integrations::usable_settings(integration, {{"url", "https://ntfy.sh/y"}}, *first);
  BOOST_REQUIRE(second.has_value());
  BOOST_TEST(nlohmann::json::parse(*second)["token"] == "tk_1");
  const auto removed =
      integrations::usable_settings(integration, {{"url", "https://ntfy.sh/y"}, {"token", ""}}, *first);
  BOOST_TEST(nlohmann::json::parse(removed.value())["token"] == "");
  BOOST_TEST(integrations::shown_settings(*second) == (nlohmann::json{{"url", "https://ntfy.sh/y"}, {"token", true}}));
}

BOOST_AUTO_TEST_CASE(rows_keep_their_order_their_bound_and_what_was_given_up) {
  auto db = testing::fresh_database();
  const auto id = store::add_integration(db, integration_of("webhook", R"({"url":"https://example.org/"})"));
  BOOST_REQUIRE(id.has_value());
  BOOST_TEST(!store::add_integration(db, integration_of("webhook", "{}")).has_value());
  store::Delivery delivery;
  delivery.integration = *id;
  delivery.event = "door";
  for (int i = 0; i < 5; ++i) {
    delivery.data = std::to_string(i);
    store::enqueue(db, {delivery}, [](const store::Delivery&) { return 3; });
  }
  auto waiting = store::waiting_deliveries(db, *id, 0, 10);
  BOOST_TEST(waiting.size() == 3U);
  BOOST_TEST(waiting.front().data == "0");
  BOOST_TEST(store::load_integration(db, *id)->dropped == 2);
  store::mark_failed(db, {waiting[0]}, "no", 10, 1);
  BOOST_TEST(store::waiting_deliveries(db, *id, 0, 1).front().attempts == 1);
  store::mark_failed(db, {waiting[0]}, "no", 1, 1);
  store::mark_failed(db, {waiting[1]}, "no", 1, 1);
  BOOST_TEST(store::dead_deliveries(db, *id, 10).size() == 1U);
  BOOST_TEST(store::dead_deliveries(db, *id, 10).front().data == "1");
  BOOST_TEST(store::load_integration(db, *id)->dropped == 3);
  store::mark_sent(db, {waiting[2]}, 42);
  BOOST_TEST(store::load_integration(db, *id)->last_error == "");
  BOOST_TEST(store::count_deliveries(db)[*id].waiting == 0);
  store::retry_dead_deliveries(db, *id);
  BOOST_TEST(store::waiting_deliveries(db, *id, 0, 10).front().attempts == 0);
  // Of a machine that is gone.
  BOOST_TEST(store::waiting_deliveries(db, *id, 5, 10).empty());
  store::adopt_deliveries(db, 5);
  BOOST_TEST(store::waiting_deliveries(db, *id, 5, 10).size() == 1U);
  BOOST_TEST(store::remove_integration(db, *id).has_value());
  BOOST_TEST(store::count_deliveries(db).empty());
}

BOOST_AUTO_TEST_SUITE_END()
