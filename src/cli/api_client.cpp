#include "cli/api_client.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "version.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <memory>

namespace drydock::cli {
namespace {

using nlohmann::json;

constexpr long connect_seconds = 15;
constexpr long longest_seconds = 120;
constexpr std::size_t longest_answer = 1024 * 1024;

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

}  // namespace

ApiClient::ApiClient(const integrations::Libcurl& curl, std::string url, std::string token, std::string ca)
    : curl_(curl), url_(std::move(url)), token_(std::move(token)), ca_(std::move(ca)) {
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

Result<json> ApiClient::post(const std::string& path, ByteView body, const char* type) {
  const std::unique_ptr<CURL, decltype(curl_.easy_cleanup)> handle(curl_.easy_init(), curl_.easy_cleanup);
  if (!handle) return failure(ErrorKind::internal, "libcurl has no memory");
  curl_slist* list = nullptr;
  for (const auto& line :
      {"Authorization: Bearer " + token_, std::string("Content-Type: ") + type, std::string("Expect:")})
    list = curl_.slist_append(list, line.c_str());
  const std::unique_ptr<curl_slist, decltype(curl_.slist_free_all)> headers(list, curl_.slist_free_all);
  const auto set = [&](CURLoption option, auto value) { curl_.easy_setopt(handle.get(), option, value); };
  const auto where = url_ + "/api/v1/" + path;
  const auto agent = fmt::format("drydock/{}", version);
  std::string answer;
  set(CURLOPT_URL, where.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_CONNECTTIMEOUT, connect_seconds);
  set(CURLOPT_TIMEOUT, longest_seconds);
  set(CURLOPT_USERAGENT, agent.c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_POST, 1L);
  set(CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  set(CURLOPT_POSTFIELDS, reinterpret_cast<const char*>(body.data()));
  set(CURLOPT_WRITEFUNCTION, &take);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&answer));
  if (!ca_.empty()) set(CURLOPT_CAINFO, ca_.c_str());
  const auto result = curl_.easy_perform(handle.get());
  if (result == CURLE_PEER_FAILED_VERIFICATION && ca_.empty())
    return failure(ErrorKind::refused,
        fmt::format("the certificate of {} is signed by nobody whom this system trusts: give it by --ca", url_));
  if (result != CURLE_OK)
    return failure(ErrorKind::closed, fmt::format("{} was not reached: {}", url_, curl_.easy_strerror(result)));
  long status = 0;
  curl_.easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status > 299)
    return failure(status == 409 ? ErrorKind::conflict : ErrorKind::refused,
        log::printable(shorten(words_of(status, answer), 500)));
  auto told = json::parse(answer, nullptr, false);
  return told.is_object() ? std::move(told) : json::object();
}

}  // namespace drydock::cli
