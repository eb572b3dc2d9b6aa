// What people may set, and what they are shown of it.
#include "base/text.hpp"
#include "crypto/base64.hpp"
#include "integrations/event_words.hpp"
#include "integrations/message.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <span>

namespace drydock::integrations {
namespace {

using nlohmann::json;

constexpr std::size_t longest = 2'000;
constexpr std::size_t longest_template = 16'000;
constexpr std::size_t most_in_a_list = 20;

// In place of what is not shown.
constexpr std::string_view hidden = "…";

std::string shown_header(const std::string& header) {
  return header.substr(0, header.find(':')) + ": " + std::string(hidden);
}

enum class Kind { text, url, secret, list, body };
struct Field {
  const char* name;
  const char* words;  ///< for people, who see the page's form
  Kind kind;
  bool needed;
};
constexpr Field url_field{"url", "the address", Kind::url, true};
constexpr std::array webhook_fields{url_field, Field{"secret", "the secret", Kind::secret, false},
    Field{"template", "the body", Kind::body, false}, Field{"content_type", "the content type", Kind::text, false},
    Field{"headers", "the list of headers", Kind::list, false}};
constexpr std::array ntfy_fields{url_field, Field{"token", "the token", Kind::secret, false}};
constexpr std::array email_fields{Field{"server", "the mail server", Kind::text, true},
    Field{"tls", "the encryption", Kind::text, true}, Field{"user", "the user", Kind::text, false},
    Field{"password", "the password", Kind::secret, false}, Field{"from", "the sender", Kind::text, true},
    Field{"to", "the list of receivers", Kind::list, true}};

std::span<const Field> fields_of(const std::string& kind) {
  if (kind == "email") return email_fields;
  if (kind == "ntfy") return ntfy_fields;
  return webhook_fields;
}

bool contains(const json& list, const json& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// They become lines of a protocol.
bool is_one_line(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

bool is_http_url(const std::string& text) {
  return (text.starts_with("https://") || text.starts_with("http://")) &&
      text.find_first_of(" <>\"") == std::string::npos;
}

bool is_mail_address(const std::string& text) {
  const auto at = text.find('@');
  return at != 0 && at != std::string::npos && at + 1 < text.size() &&
      text.find_first_of(" <>\",;:()") == std::string::npos && text.find('@', at + 1) == std::string::npos;
}

bool is_header(const std::string& text) {
  const auto colon = text.find(':');
  constexpr auto token = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
  return colon != 0 && colon != std::string::npos &&
      text.substr(0, colon).find_first_not_of(token) == std::string::npos;
}

// They say where a message ends and whose it is.
bool is_ours(const std::string& header) {
  const auto name = lower_ascii(header.substr(0, header.find(':')));
  constexpr std::array names{"host", "content-length", "transfer-encoding", "connection", "expect", "content-type"};
  return std::find(names.begin(), names.end(), name) != names.end() || name.starts_with("webhook-");
}

bool is_signing_secret(const std::string& text) {
  constexpr std::string_view prefix = "whsec_";
  if (!text.starts_with(prefix)) return false;
  const auto key = crypto::from_base64(std::string_view(text).substr(prefix.size()));
  return key && key->size() >= 24 && key->size() <= 64;
}

// What is sent to it must not be sent to somebody else.
std::string receiver_of(const json& settings) {
  const auto where = settings.value("url", "") + settings.value("server", "");
  const auto scheme = where.find("://");
  return where.substr(0, where.find('/', scheme == std::string::npos ? 0 : scheme + 3));
}

// "Authorization: …" stands for what was there before.
void keep_values(json& headers, const json& before) {
  for (auto& header : headers) {
    const auto text = header.get<std::string>();
    if (!text.ends_with(hidden)) continue;
    for (const auto& old_one : before)
      if (old_one.is_string() && shown_header(old_one.get<std::string>()) == text) header = old_one;
  }
}

std::string wrong(const Field& field, const json& value) {
  if (field.kind == Kind::list) {
    const bool usable = value.is_array() && value.size() <= most_in_a_list &&
        std::all_of(value.begin(), value.end(), [](const json& each) {
          return each.is_string() && each.get<std::string>().size() <= longest && is_one_line(each.get<std::string>());
        });
    if (!usable) return fmt::format("{} must be a list of texts, {} at the most", field.words, most_in_a_list);
    if (field.needed && value.empty()) return fmt::format("{} is needed", field.words);
    return "";
  }
  if (!value.is_string()) return fmt::format("{} must be a text", field.words);
  const auto text = value.get<std::string>();
  if (field.needed && text.empty()) return fmt::format("{} is needed", field.words);
  if (field.kind == Kind::body) return text.size() <= longest_template ? "" : "the body is too long";
  if (text.size() > longest || !is_one_line(text)) return fmt::format("{} is too long, or not one line", field.words);
  if (field.kind == Kind::url && text.find(' ') != std::string::npos)
    return fmt::format("{} has a blank in it: it is written as %20", field.words);
  if (field.kind == Kind::url && !is_http_url(text))
    return fmt::format("{} must begin with https:// or http://", field.words);
  return "";
}

// A webhook's secret signs, and is sent to nobody.
bool keeps_secret(const json& given, const json& settings, const json& before) {
  for (const auto* name : {"token", "password"})
    if (!settings.value(name, "").empty() && !given.contains(name)) return true;
  for (const auto& header : before.value("headers", json::array()))
    for (const auto& now : settings.value("headers", json::array()))
      if (now == header && !contains(given.value("headers", json::array()), header)) return true;
  return false;
}

// "smtp.example.org", "smtp.example.org:587", "[::1]:25".
bool is_mail_server(const std::string& text) {
  const auto host_end = text.starts_with('[') ? text.find(']') + 1 : std::min(text.find(':'), text.size());
  const auto host = text.substr(0, host_end);
  const auto port = text.substr(host_end);
  constexpr auto usable = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:";
  if (host.empty() || host.find_first_not_of(usable) != std::string::npos) return false;
  if (port.empty()) return true;
  constexpr std::size_t most_digits = 5;
  if (port.size() < 2 || port.size() > 1 + most_digits || port[0] != ':' ||
      port.find_first_not_of("0123456789", 1) != std::string::npos)
    return false;
  const auto number = std::stoi(port.substr(1));
  return number > 0 && number <= 65'535;
}

bool braces_match(const std::string& body) {
  for (std::size_t at = 0; (at = body.find("{{", at)) != std::string::npos;) {
    at = body.find("}}", at);
    if (at == std::string::npos) return false;
  }
  return true;
}

std::string wrong_together(const std::string& kind, const json& settings) {
  if (kind == "webhook") {
    if (const auto body = settings.value("template", ""); !braces_match(body))
      return "the body has a {{ without its }}";
    if (const auto type = settings.value("content_type", ""); !type.empty() && type.find('/') == std::string::npos)
      return "a content type is written as application/json";
    for (const auto& header : settings.value("headers", json::array())) {
      const auto text = header.get<std::string>();
      if (!is_header(text)) return "a header is written as 'Name: value'";
      if (text.ends_with(hidden)) return "give the value of the header " + text.substr(0, text.find(':'));
      if (is_ours(text)) return "this header is Drydock's own: " + text;
    }
    const auto secret = settings.value("secret", "");
    if (!secret.empty() && !is_signing_secret(secret))
      return "a secret is whsec_ and 24 to 64 bytes in Base64: leave it empty, and one is made";
  }
  if (kind == "ntfy") {
    const auto url = settings.value("url", "");
    const auto path = url.find('/', url.find("://") + 3);
    if (path == std::string::npos || path + 1 == url.size())
      return "the address is that of a topic: https://ntfy.sh/my-topic";
  }
  if (kind == "email") {
    if (const auto tls = settings.value("tls", ""); tls != "tls" && tls != "starttls" && tls != "off")
      return "the encryption is one of starttls, tls and off";
    const auto server = settings.value("server", "");
    if (!is_mail_server(server)) return "the mail server is a name, or name:port, a port up to 65535";
    if (server.ends_with(":465") && settings.value("tls", "") == "starttls")
      return "port 465 has TLS from the beginning: choose that, or port 587";
    if (server.ends_with(":587") && settings.value("tls", "") == "tls")
      return "port 587 begins without TLS: choose STARTTLS, or port 465";
    if (!is_mail_address(settings.value("from", ""))) return "the sender must be an e-mail address";
    for (const auto& address : settings.value("to", json::array()))
      if (!is_mail_address(address.get<std::string>()))
        return "this is no e-mail address: " + address.get<std::string>();
    if (settings.value("tls", "") == "off" && !settings.value("password", "").empty())
      return "a password is sent over TLS only: choose starttls or tls";
  }
  return "";
}

}  // namespace

Result<std::string> usable_settings(
    const store::Integration& integration, const json& given, const std::string& before) {
  if (integration.name.find_first_not_of(' ') == std::string::npos || integration.name.size() > 100 ||
      !is_one_line(integration.name))
    return failure(ErrorKind::malformed, "a name has 1 to 100 characters");
  if (integration.kind != "webhook" && integration.kind != "email" && integration.kind != "ntfy")
    return failure(ErrorKind::malformed, "'kind' is one of webhook, email and ntfy");
  if (integration.events.empty()) return failure(ErrorKind::malformed, "choose what it is told of");
  for (const auto& event : integration.events) {
    if (event.find_first_of("*#+") != std::string::npos)
      return failure(ErrorKind::malformed, "names of events are written as they begin, without *, # and +");
    if (event.empty() || event.size() > 64 || !is_one_line(event))
      return failure(ErrorKind::malformed, "a name of events has 1 to 64 characters");
    if (!may_come(event))
      return failure(
          ErrorKind::malformed, "Drydock has no event of this name, or that begins so up to a '/': " + event);
  }
  if (!given.is_object()) return failure(ErrorKind::malformed, "'settings' must be an object");
  const auto fields = fields_of(integration.kind);
  for (const auto& [key, value] : given.items())
    if (std::none_of(fields.begin(), fields.end(), [name = key](const Field& field) { return name == field.name; }))
      return failure(ErrorKind::malformed, fmt::format("there is no setting '{}'", key));
  const auto old_one = json::parse(before, nullptr, false);
  json settings = json::object();
  for (const auto& field : fields) {
    const auto empty = field.kind == Kind::list ? json::array() : json("");
    auto value = given.value(field.name, json(nullptr));
    if (value.is_null())
      value = field.kind == Kind::secret && old_one.is_object() ? old_one.value(field.name, empty) : empty;
    if (const auto why = wrong(field, value); !why.empty()) return failure(ErrorKind::malformed, why);
    settings[field.name] = value;
  }
  if (old_one.is_object() && settings.contains("headers"))
    keep_values(settings["headers"], old_one.value("headers", json::array()));
  if (const auto why = wrong_together(integration.kind, settings); !why.empty())
    return failure(ErrorKind::malformed, why);
  if (old_one.is_object() && receiver_of(old_one) != receiver_of(settings) && keeps_secret(given, settings, old_one))
    return failure(
        ErrorKind::malformed, "this is another receiver: give the token, the password and the headers' values again");
  return settings.dump(-1, ' ', false, json::error_handler_t::replace);
}

json shown_settings(const std::string& settings) {
  auto shown = json::parse(settings, nullptr, false);
  if (!shown.is_object()) return json::object();
  for (const auto* secret : {"secret", "token", "password"})
    if (shown.contains(secret)) shown[secret] = !shown.value(secret, "").empty();
  if (shown.contains("headers") && shown["headers"].is_array())
    for (auto& header : shown["headers"]) header = shown_header(header.is_string() ? header.get<std::string>() : "");
  return shown;
}

}  // namespace drydock::integrations
