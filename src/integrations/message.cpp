#include "integrations/message.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "crypto/base64.hpp"
#include "crypto/hash.hpp"
#include "integrations/body_template.hpp"
#include "integrations/event_words.hpp"

#include <algorithm>
#include <ctime>
#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

namespace drydock::integrations {
namespace {

using nlohmann::json;

constexpr std::size_t longest_subject = 150;
// More would become an attachment, which not every server takes: with what stands before the lines 4,096 bytes.
constexpr std::size_t longest_ntfy = 3'500;
constexpr std::size_t longest_mail = 100'000;

std::string text_in(const json& settings, const char* key) {
  const auto found = settings.find(key);
  return found != settings.end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<std::string> list_in(const json& settings, const char* key) {
  std::vector<std::string> list;
  const auto found = settings.find(key);
  if (found == settings.end() || !found->is_array()) return list;
  for (const auto& each : *found)
    if (each.is_string()) list.push_back(each.get<std::string>());
  return list;
}

std::string utc(const char* format, std::int64_t milliseconds) {
  return fmt::format(fmt::runtime(format), fmt::gmtime(static_cast<std::time_t>(milliseconds / 1000)));
}

// RFC 3339, as Particle's cloud writes it.
std::string iso_time(std::int64_t milliseconds) {
  return utc("{:%Y-%m-%dT%H:%M:%S}", milliseconds) + fmt::format(".{:03}Z", milliseconds % 1000);
}

// Text of a header that need not be ASCII, in words of at most 75 characters (RFC 2047). What looks like such a word is
// written as one, for it is none.
std::string header_words(const std::string& text) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
  if (ascii && text.find("=?") == std::string::npos) return text;
  constexpr std::size_t most = 45;
  std::string words;
  for (std::size_t at = 0; at < text.size();) {
    auto end = std::min(at + most, text.size());
    while (end < text.size() && end > at + 1 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    words +=
        (words.empty() ? "=?UTF-8?B?" : " =?UTF-8?B?") + crypto::to_base64(view_of(text.substr(at, end - at))) + "?=";
    at = end;
  }
  return words;
}

Variables variables_of(const Told& told) {
  const auto& event = told.delivery;
  Variables variables;
  // First: the data's keys must not take their place.
  for (const auto* vendor : {"PARTICLE_", "SPARK_"}) {
    const std::string prefix(vendor);
    variables[prefix + "DEVICE_ID"] = event.device_id;
    variables[prefix + "EVENT_NAME"] = event.event;
    variables[prefix + "EVENT_VALUE"] = event.data;
    variables[prefix + "PUBLISHED_AT"] = iso_time(event.published_at);
  }
  variables["DEVICE_NAME"] = told.device_name;
  variables["WORDS"] = line_of(told);
  add_keys(variables, event.data);
  return variables;
}

// https://www.standardwebhooks.com: what is signed is its id, the time and the body.
void sign(Message& message, const std::string& secret, const std::string& message_id, std::int64_t utc_now) {
  constexpr std::string_view prefix = "whsec_";
  const auto key = crypto::from_base64(std::string_view(secret).substr(std::min(prefix.size(), secret.size())));
  const auto seconds = utc_now / 1000;
  const auto signed_text = fmt::format("{}.{}.{}", message_id, seconds, message.body);
  const auto signature = crypto::hmac_sha256(key.value_or(Bytes{}), view_of(signed_text));
  message.headers.push_back("webhook-id: " + message_id);
  message.headers.push_back(fmt::format("webhook-timestamp: {}", seconds));
  message.headers.push_back("webhook-signature: v1," + crypto::to_base64(signature));
}

// Another database counts from 1 again; tests are of none.
std::string id_of(const store::Integration& integration, const store::Delivery& delivery, std::int64_t utc_now) {
  return delivery.id == 0 ? fmt::format("drydock_test_{}", utc_now)
                          : fmt::format("drydock_{}_{}", integration.created, delivery.id);
}

Message webhook(const store::Integration& integration, const json& settings, const Told& told, std::int64_t utc_now) {
  Message message;
  message.url = text_in(settings, "url");
  const auto& event = told.delivery;
  const auto body_template = text_in(settings, "template");
  auto type = text_in(settings, "content_type");
  if (body_template.empty()) {
    type = "application/json";
    message.body = json{{"event", event.event}, {"data", event.data}, {"coreid", event.device_id},
        {"published_at", iso_time(event.published_at)}, {"device_name", told.device_name}, {"words", line_of(told)}}
                       .dump(-1, ' ', false, json::error_handler_t::replace);
  } else {
    message.body = fill_in(body_template, variables_of(told));
  }
  message.headers.push_back("Content-Type: " + (type.empty() ? "application/json" : type));
  for (const auto& header : list_in(settings, "headers")) message.headers.push_back(header);
  sign(message, text_in(settings, "secret"), id_of(integration, event, utc_now), utc_now);
  return message;
}

// As many as there is room for.
std::string lines_of(const std::vector<Told>& told, std::size_t most_bytes) {
  std::string lines;
  std::size_t count = 0;
  for (const auto& each : told) {
    const auto line = utc("{:%Y-%m-%d %H:%M} UTC  ", each.delivery.published_at) + line_of(each) + "\n";
    if (count == limits::deliveries_told || lines.size() + line.size() > most_bytes) break;
    lines += line;
    ++count;
  }
  if (count < told.size()) lines += fmt::format("and {} more\n", told.size() - count);
  return lines;
}

std::string link_of(const std::vector<Told>& told, const std::string& page) {
  const auto& first = told.front().delivery;
  if (told.size() == 1 && !first.device_id.empty()) return page + "/#/device/" + first.device_id;
  return page + (first.event == "drydock/rollout/stopped" ? "/#/rollouts" : "/#/fleet");
}

Message ntfy(const json& settings, const std::vector<Told>& told, const Appliance& from) {
  Message message;
  message.url = text_in(settings, "url");
  message.body = headline(told);
  if (told.size() > 1)
    message.body += (from.fleet.empty() ? "" : "\n" + from.fleet) + "\n\n" + lines_of(told, longest_ntfy);
  const bool urgent =
      std::any_of(told.begin(), told.end(), [](const Told& each) { return is_urgent(each.delivery.event); });
  message.headers = {"Content-Type: text/plain; charset=utf-8", "Title: " + header_words("Drydock on " + from.host)};
  if (!from.page.empty()) message.headers.push_back("Click: " + link_of(told, from.page));
  if (urgent) message.headers.emplace_back("Priority: high");
  if (const auto token = text_in(settings, "token"); !token.empty())
    message.headers.push_back("Authorization: Bearer " + token);
  return message;
}

Message email(const json& settings, const std::vector<Told>& told, const Appliance& from, std::int64_t utc_now) {
  Message message;
  const auto tls = text_in(settings, "tls");
  message.url = (tls == "tls" ? "smtps://" : "smtp://") + text_in(settings, "server");
  message.needs_tls = tls == "starttls";
  message.user = text_in(settings, "user");
  message.password = text_in(settings, "password");
  message.mail_from = text_in(settings, "from");
  message.mail_to = list_in(settings, "to");
  std::string to;
  for (const auto& address : message.mail_to) to += (to.empty() ? "" : ", ") + address;
  message.headers = {utc("Date: {:%a, %d %b %Y %H:%M:%S} +0000", utc_now), "From: Drydock <" + message.mail_from + ">",
      "To: " + to,
      "Subject: " + header_words(shorten("Drydock on " + from.host + ": " + headline(told), longest_subject)),
      fmt::format("Message-ID: <drydock-{}-{}@{}>", told.front().delivery.id, utc_now, from.host),
      "Auto-Submitted: auto-generated"};
  auto text = lines_of(told, longest_mail);
  if (told.size() > 1 && !from.fleet.empty()) text += "\n" + from.fleet + "\n";
  if (!from.page.empty()) text += "\n" + link_of(told, from.page) + "\n";
  for (const char c : text) {
    if (c == '\n') message.body += '\r';  // as lines of mails end
    message.body += c;
  }
  return message;
}

}  // namespace

Message make_message(
    const store::Integration& integration, std::vector<Told> told, const Appliance& from, std::int64_t utc_now) {
  sort_by_gravity(told);
  const auto settings = json::parse(integration.settings, nullptr, false);
  const auto usable = settings.is_object() ? settings : json::object();
  if (integration.kind == "email") return email(usable, told, from, utc_now);
  if (integration.kind == "ntfy") return ntfy(usable, told, from);
  return webhook(integration, usable, told.front(), utc_now);
}

}  // namespace drydock::integrations
