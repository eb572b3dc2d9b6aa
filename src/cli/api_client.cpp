#include "cli/api_client.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "version.hpp"

#include <cstdlib>
#include <fmt/core.h>
#include <fstream>

namespace drydock::cli {
namespace {

using nlohmann::json;

constexpr long connect_seconds = 15;
constexpr long longest_seconds = 120;
constexpr long longest_seconds_to_read = 30;
constexpr std::size_t longest_answer = 8 * 1024 * 1024;
constexpr auto token_variable = "DRYDOCK_TOKEN";

// Not as an option: what stands on a command line is seen by everybody on the machine, and in CI's log.
Result<std::string> token_of(const std::filesystem::path& token_file, const char* scope) {
  std::string token;
  if (!token_file.empty()) {
    std::ifstream file(token_file);
    if (!std::getline(file, token))
      return failure(ErrorKind::not_found, fmt::format("{} cannot be read, or is empty", token_file.string()));
  } else if (const auto* given = std::getenv(token_variable); given != nullptr) {
    token = given;
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty())
    return failure(ErrorKind::not_found,
        fmt::format("a token is needed, with the scope {}: in {}, or in the file of --token-file. The page makes one "
                    "(Access, API tokens)",
            scope, token_variable));
  if (token.find_first_of(" \r\n") != std::string::npos) return failure(ErrorKind::malformed, "this is no token");
  return token;
}

std::size_t take(char* data, std::size_t size, std::size_t count, void* to) {
  auto& answer = *static_cast<std::string*>(to);
  if (answer.size() + size * count > longest_answer) return 0;
  answer.append(data, size * count);
  return size * count;
}

std::string words_of(long status, const std::string& answer) {
  const auto body = json::parse(answer, nullptr, false);
  for (const auto* key : {"detail", "title"})
    if (body.is_object() && body.contains(key) && body[key].is_string()) return body[key].get<std::string>();
  if (status == 426 || (status > 300 && status < 400))
    return fmt::format("the server answered {}: if it is reached over TLS, the URL begins with https://", status);
  return fmt::format("the server answered {}", status);
}

ErrorKind kind_of(long status) {
  if (status == 404) return ErrorKind::not_found;
  if (status == 409) return ErrorKind::conflict;
  return status == 429 || status >= 500 ? ErrorKind::rate_limited : ErrorKind::refused;
}

}  // namespace

Result<ApiClient> ApiClient::open(const RemoteDrydock& remote, const char* scope) {
  if (!remote.url.starts_with("https://") && !remote.url.starts_with("http://"))
    return failure(ErrorKind::malformed, "--url is where the page is: https://drydock.example.org:8080");
  if (remote.url.find_first_of("#?") != std::string::npos)
    return failure(ErrorKind::malformed, "--url is where the page is, without what stands behind # or ? in a browser");
  auto token = token_of(remote.token_file, scope);
  if (!token) return tl::unexpected(token.error());
  const auto curl = integrations::Libcurl::load();
  if (!curl) return tl::unexpected(curl.error());
  ApiClient client(**curl, remote.url, std::move(*token), remote.ca.string());
  if (!client.handle_) return failure(ErrorKind::internal, "libcurl has no memory");
  return client;
}

ApiClient::ApiClient(const integrations::Libcurl& curl, std::string url, std::string token, std::string ca)
    : curl_(&curl),
      url_(std::move(url)),
      token_(std::move(token)),
      ca_(std::move(ca)),
      handle_(curl.easy_init(), curl.easy_cleanup) {
  while (url_.ends_with('/')) url_.pop_back();
}

std::string ApiClient::escaped(const std::string& text) const {
  std::string escaped;
  constexpr std::string_view kept = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  for (const char c : text)
    escaped += kept.find(c) != std::string_view::npos ? std::string(1, c)
                                                      : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return escaped;
}

Result<json> ApiClient::get(const std::string& path) {
  return ask(path, {});
}

Result<json> ApiClient::post(const std::string& path, ByteView body, const char* type) {
  return ask(path, Body{body, type});
}

Result<json> ApiClient::ask(const std::string& path, const std::optional<Body>& body) {
  curl_slist* list = curl_->slist_append(nullptr, ("Authorization: Bearer " + token_).c_str());
  if (body)
    for (const auto& line : {std::string("Content-Type: ") + body->type, std::string("Expect:")})
      list = curl_->slist_append(list, line.c_str());
  const std::unique_ptr<curl_slist, decltype(curl_->slist_free_all)> headers(list, curl_->slist_free_all);
  const auto set = [this](CURLoption option, auto value) { curl_->easy_setopt(handle_.get(), option, value); };
  const auto where = url_ + "/api/v1/" + path;
  const auto agent = fmt::format("drydock/{}", version);
  std::string answer;
  set(CURLOPT_URL, where.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_CONNECTTIMEOUT, connect_seconds);
  set(CURLOPT_TIMEOUT, body ? longest_seconds : longest_seconds_to_read);
  set(CURLOPT_USERAGENT, agent.c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  if (body) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(body->bytes.size()));
    set(CURLOPT_POSTFIELDS, reinterpret_cast<const char*>(body->bytes.data()));
  } else {
    set(CURLOPT_HTTPGET, 1L);
  }
  set(CURLOPT_WRITEFUNCTION, &take);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&answer));
  if (!ca_.empty()) set(CURLOPT_CAINFO, ca_.c_str());
  const auto result = curl_->easy_perform(handle_.get());
  if (result == CURLE_PEER_FAILED_VERIFICATION && ca_.empty())
    return failure(ErrorKind::refused,
        fmt::format("the certificate of {} is signed by nobody whom this system trusts: give it by --ca", url_));
  if (result != CURLE_OK)
    return failure(ErrorKind::closed, fmt::format("{} was not reached: {}", url_, curl_->easy_strerror(result)));
  long status = 0;
  curl_->easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status > 299)
    return failure(kind_of(status), log::printable(shorten(words_of(status, answer), 500)));
  auto told = json::parse(answer, nullptr, false);
  return told.is_object() ? std::move(told) : json::object();
}

std::string text_of(const json& answer, const char* name) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : "";
}

bool flag_of(const json& answer, const char* name) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_boolean() && found->get<bool>();
}

json list_of(const json& answer, const char* name) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_array() ? *found : json::array();
}

Error no_drydock(const std::string& url) {
  return {ErrorKind::refused,
      fmt::format("{} answers as no Drydock does: is that where its page is?", log::printable(url))};
}

}  // namespace drydock::cli
