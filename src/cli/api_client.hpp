// Speaks to a Drydock's API over HTTP, from another machine.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "cli/commands.hpp"
#include "integrations/libcurl.hpp"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace drydock::cli {

class ApiClient {
public:
  /// With the token that stands in the file or the environment, of which `scope` is told where there is none.
  static Result<ApiClient> open(const RemoteDrydock& remote, const char* scope);

  /// The answer's JSON. The error's message is the server's, or why it was not reached. ErrorKind::closed and
  /// ErrorKind::rate_limited: it may go another time.
  Result<nlohmann::json> get(const std::string& path);
  Result<nlohmann::json> post(const std::string& path, ByteView body, const char* type);
  const std::string& url() const { return url_; }
  /// As a part of a query.
  std::string escaped(const std::string& text) const;

private:
  using Handle = std::unique_ptr<CURL, decltype(integrations::Libcurl::easy_cleanup)>;
  struct Body {
    ByteView bytes;
    const char* type = nullptr;
  };
  /// `ca`: a PEM file with the page's certificate, or who signed it; empty: who the system trusts.
  ApiClient(const integrations::Libcurl& curl, std::string url, std::string token, std::string ca);
  Result<nlohmann::json> ask(const std::string& path, const std::optional<Body>& body);

  const integrations::Libcurl* curl_;
  std::string url_;
  std::string token_;
  std::string ca_;
  Handle handle_;  ///< keeps the connection
};

/// What an answer has by that name; empty or false when it is not there, or is no such thing: anybody may have
/// answered.
std::string text_of(const nlohmann::json& answer, const char* name);
bool flag_of(const nlohmann::json& answer, const char* name);
nlohmann::json list_of(const nlohmann::json& answer, const char* name);
/// ErrorKind::refused.
Error no_drydock(const std::string& url);

}  // namespace drydock::cli
