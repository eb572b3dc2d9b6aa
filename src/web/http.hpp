// A request and its answer, without a server: what the API's functions take and give.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drydock::web {

struct Request {
  std::string method;                          ///< "GET"
  std::string path;                            ///< decoded, without the query
  bool usable_path = true;                     ///< see decode_path()
  bool usable_framing = true;                  ///< where its body ends is said once, and clearly (RFC 9112 §6.3)
  std::string query;                           ///< still encoded
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;                            ///< but for an upload
  std::filesystem::path upload;                ///< the file in which its body is; empty: none
  std::string peer;                            ///< IP address, as trusted proxies say it
  bool secure_cookies = false;                 ///< the page is served over TLS alone

  const std::string& header(const std::string& name) const;  ///< empty when there is none
  /// Secure ones have another name: a page without TLS could not replace one of the same name.
  static constexpr const char* over_tls = "_tls";
  std::string cookie(const std::string& name) const;
  std::string parameter(const std::string& name) const;  ///< from the query, decoded
};

/// A file that is gone with this.
class OwnFile {
public:
  explicit OwnFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~OwnFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  OwnFile(const OwnFile&) = delete;
  OwnFile& operator=(const OwnFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

struct Response {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::shared_ptr<OwnFile> file = {};  ///< in place of `body`
};

/// Nothing for one that means something else once it is decoded: with NUL, with parts "." and "..", and below /api/
/// with
/// '/' and '\\' in its parts.
std::optional<std::string> decode_path(std::string_view encoded);

/// Part by part; "*" stands for any one.
bool path_matches(const std::vector<std::string>& path, std::initializer_list<std::string_view> wanted);

/// The IP address that asks: `peer`, or what trusted proxies in front of us say about whom they speak for
/// (X-Forwarded-For, read from the right as far as the proxies are trusted).
std::string client_address(const Request& request, const std::vector<std::string>& trusted_proxies);

/// Whether a browser may know this server by this Host header: an address, a name that public DNS cannot give to
/// anybody, or one of `more`. A page from elsewhere that points a name of its own at us (DNS rebinding) has another.
bool is_own_host(const std::string& host, const std::vector<std::string>& more);

/// Whether a browser's script of this page sent it, and not one from elsewhere.
bool comes_from_our_page(const Request& request);

/// An error as RFC 9457 has it: application/problem+json.
Response problem(int status, const std::string& title, const std::string& detail = "");
/// The status that fits the kind of failure.
Response problem(const Error& error);
/// 204.
Response done();

}  // namespace drydock::web
