// What is sent to whom: webhooks, ntfy, e-mail. Pure: rows of the store in, a message for libcurl out.
//
// Settings of an integration, a JSON object by its kind:
//   webhook  url, secret ("whsec_" and Base64; it signs), template (a body; empty: JSON as Particle's cloud sends it),
//            content_type (of the template), headers (a list of "Name: value")
//   ntfy     url (of the topic), token (empty: none)
//   email    server ("host" or "host:port"), tls ("starttls", "tls" or "off"), user, password, from, to (a list)
#pragma once

#include "base/result.hpp"
#include "store/integrations.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::integrations {

struct Message {
  std::string url;
  std::vector<std::string> headers;
  std::string body;
  std::string user;
  std::string password;
  std::string mail_from;             ///< empty: it is sent by HTTP, as a POST
  std::vector<std::string> mail_to;  ///< addresses
  bool needs_tls = false;            ///< over SMTP, which begins without
};

/// How it ends when a mail was sent and is not with all: Outcome::left_out, and an integration's last error then.
inline constexpr std::string_view others_have_it = "; the others have it";

/// A delivery, and what people call its device.
struct Told {
  store::Delivery delivery;
  std::string device_name;
};

/// Whose messages these are, for people.
struct Appliance {
  std::string host;
  std::string page;        ///< its address; empty: there is no link to it
  std::string fleet = {};  ///< how it is doing, as fleet_in_words() says; empty: digests do not tell
};

/// `told`: one, or for a digest all, of which the gravest are told first. `utc_now`: milliseconds.
Message make_message(
    const store::Integration& integration, std::vector<Told> told, const Appliance& from, std::int64_t utc_now);

/// What happened, in a line for people: "Kitchen: system-part1 3.3.1 failed: …".
std::string line_of(const Told& told);

/// Whether what people give can be used: the integration's fields, and settings of which those that are secret and not
/// given stay as they were in `before`. Gives the settings to be stored. ErrorKind::malformed says what is wrong.
Result<std::string> usable_settings(
    const store::Integration& integration, const nlohmann::json& given, const std::string& before);
/// Without what is secret, of which is told whether it is there: "secret": true.
nlohmann::json shown_settings(const std::string& settings);

}  // namespace drydock::integrations
