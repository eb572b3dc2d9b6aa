#include "integrations/message_client.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "version.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <fmt/core.h>
#include <mutex>
#include <netinet/in.h>
#include <set>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace drydock::integrations {
namespace {

// Many mail servers let who connects wait before they say a word.
constexpr auto mail_greeting_time = std::chrono::seconds(60);
constexpr auto goodbye_time = std::chrono::seconds(15);
// libcurl's own end of a transfer is not seen while a server keeps TLS busy, with new keys without end say.
constexpr auto time_to_end = std::chrono::seconds(2);
constexpr auto look_every = std::chrono::seconds(1);
// What is read behind the end of a connection, too.
constexpr int receive_buffer = 64 * 1024;
// Of an answer, what is told when it is an error.
constexpr std::size_t longest_answer = 200;
constexpr std::size_t longest_refusal = 60;
constexpr std::size_t most_of_an_answer = 64 * 1024;
// What is wrong with one message need not be with the next one.
constexpr std::array<long, 4> refusals_of_a_body{400, 413, 415, 422};

std::optional<asio::ip::address> address_of(const curl_sockaddr& where) {
  if (where.family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &where.addr, sizeof in);
    return asio::ip::address_v4(ntohl(in.sin_addr.s_addr));
  }
  if (where.family == AF_INET6 && where.addrlen >= sizeof(sockaddr_in6)) {
    asio::ip::address_v6::bytes_type bytes{};
    // Longer than what curl_sockaddr declares; addrlen says how long it is.
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&where.addr);
    std::memcpy(bytes.data(), &in6->sin6_addr, bytes.size());
    return asio::ip::address_v6(bytes);
  }
  return std::nullopt;
}

}  // namespace

struct MessageClient::Transfer {
  Transfer(const Libcurl& library, const PrivateNetworks& to, std::int64_t k, Message m)
      : curl(library), networks(to), key(k), message(std::move(m)), handle(curl.easy_init()) {
    if (handle == nullptr) throw std::runtime_error("libcurl has no memory");
  }
  ~Transfer() {
    break_off();
    if (thread.joinable()) thread.join();
    if (handle != nullptr) curl.easy_cleanup(handle);
    if (mime != nullptr) curl.mime_free(mime);
    curl.slist_free_all(headers);
    curl.slist_free_all(recipients);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  static std::size_t take(char* data, std::size_t size, std::size_t count, void* to) {
    auto& self = *static_cast<Transfer*>(to);
    const auto bytes = size * count;
    self.answer.append(data, std::min(bytes, longest_answer - std::min(longest_answer, self.answer.size())));
    self.answered += bytes;
    return self.answered > most_of_an_answer ? 0 : bytes;  // 0: enough of it
  }
  // A line of a mail server's.
  static std::size_t take_line(char* data, std::size_t size, std::size_t count, void* to) {
    auto& self = *static_cast<Transfer*>(to);
    const std::string_view line(data, size * count);
    const bool refuses = line.starts_with('4') || line.starts_with('5');
    self.refused_at = refuses ? Clock::now() : Clock::time_point{};
    const bool goodbye = line.starts_with("221");
    if (!refuses && !goodbye) self.answer.clear();  // it went on in another way
    if (!refuses) return line.size();
    self.answer = line.substr(0, longest_answer);
    while (self.answer.ends_with('\n') || self.answer.ends_with('\r')) self.answer.pop_back();
    self.refused_recipient = self.recipient;
    return line.size();
  }
  // What the lines of a mail server are answers to.
  static int note_command(CURL*, curl_infotype type, char* data, std::size_t size, void* of) {
    if (type != CURLINFO_HEADER_OUT) return 0;
    constexpr std::string_view names_recipient = "RCPT TO:<";
    const std::string_view line(data, size);
    auto& recipient = static_cast<Transfer*>(of)->recipient;
    recipient.clear();
    if (line.starts_with(names_recipient))
      recipient = line.substr(names_recipient.size(), line.find('>') - names_recipient.size());
    return 0;
  }
  // Asked about once a second, whatever is waited for.
  static int look(void* of, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(of)->abort ? 1 : 0;
  }
  // What a name stands for is known here for the first time.
  static curl_socket_t open(void* of, curlsocktype, curl_sockaddr* where) {
    auto& self = *static_cast<Transfer*>(of);
    const auto address = address_of(*where);
    if (!address || !self.networks.may_reach(*address)) {
      self.refused = address ? address->to_string() : "this kind of address";
      return CURL_SOCKET_BAD;
    }
    const int opened = ::socket(where->family, where->socktype | SOCK_CLOEXEC, where->protocol);
    if (opened < 0) return opened;
    ::setsockopt(opened, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const std::lock_guard lock(self.sockets_mutex);
    if (!self.abort) {
      self.sockets.insert(opened);
      return opened;
    }
    ::close(opened);
    return CURL_SOCKET_BAD;
  }
  static int close(void* of, curl_socket_t socket) {
    auto& self = *static_cast<Transfer*>(of);
    const std::lock_guard lock(self.sockets_mutex);
    self.sockets.erase(socket);
    return ::close(socket);
  }
  // From another thread: libcurl waits for a mail server's goodbye, and for TLS, and asks nobody whether to go on.
  void break_off() {
    const std::lock_guard lock(sockets_mutex);
    abort = true;
    for (const int socket : sockets) ::shutdown(socket, SHUT_RDWR);
  }

  // One that is gone must not keep a mail from the others. Who is refused for now only is one of all that get it later.
  bool leave_out_refused() {
    auto& to = message.mail_to;
    if (abort || refused_recipient.empty() || !answer.starts_with('5') || to.size() < 2) return false;
    if (std::erase(to, refused_recipient) == 0) return false;
    left_out += words_of_refused() + ", ";
    answer.clear();
    refused_recipient.clear();
    refused_at = Clock::time_point{};
    address_recipients();
    return true;
  }
  std::string words_of_refused() const {
    return fmt::format("{} ({})", refused_recipient, shorten(answer, longest_refusal));
  }
  void address_recipients() {
    curl.slist_free_all(std::exchange(recipients, nullptr));
    for (const auto& address : message.mail_to) recipients = curl.slist_append(recipients, address.c_str());
    curl.easy_setopt(handle, CURLOPT_MAIL_RCPT, recipients);
  }

  const Libcurl& curl;
  const PrivateNetworks& networks;
  std::int64_t key;
  Message message;
  CURL* handle;
  curl_slist* headers = nullptr;
  curl_slist* recipients = nullptr;
  curl_mime* mime = nullptr;
  std::string answer;
  std::size_t answered = 0;  ///< bytes
  std::string refused;       ///< an address that is not allowed
  std::thread thread;
  Clock::time_point deadline{};
  std::atomic<bool> late{false};  ///< and was broken off
  std::atomic<bool> abort{false};
  std::mutex sockets_mutex;
  std::set<int> sockets;          ///< guarded: that are open
  std::atomic<bool> over{false};  ///< the thread has ended, or is about to
  // Of an e-mail.
  std::string recipient;                        ///< that the server was asked to take
  std::string refused_recipient;                ///< for that `answer` is
  std::string left_out;                         ///< those who were refused before, each with ", " behind it
  std::atomic<Clock::time_point> refused_at{};  ///< when the server said no last
};

MessageClient::MessageClient(const Libcurl& curl, PrivateNetworks networks)
    : curl_(curl), networks_(std::move(networks)) {}

MessageClient::~MessageClient() {
  for (auto& transfer : leaving_) transfer->break_off();
  for (auto& [key, transfer] : transfers_) transfer->break_off();
  transfers_.clear();
  leaving_.clear();
}

void MessageClient::start(std::int64_t key, Message message) {
  auto transfer = std::make_unique<Transfer>(curl_, networks_, key, std::move(message));
  prepare(*transfer);
  auto& kept = *(transfers_[key] = std::move(transfer));
  try {
    kept.thread = std::thread([this, &kept] { send(kept); });
  } catch (const std::system_error& e) {
    const std::lock_guard lock(mutex_);
    ended_.emplace_back(
        key, Outcome{Error{ErrorKind::internal, fmt::format("no thread is to be had: {}", e.what())}, {}, false, {}});
    kept.over = true;
  }
}

// That a mail was taken is told before the server is told goodbye, which it may not answer. One that refuses is told so
// by libcurl before.
void MessageClient::send(Transfer& transfer) {
  auto result = curl_.easy_perform(transfer.handle);
  while (result != CURLE_OK && transfer.leave_out_refused()) result = curl_.easy_perform(transfer.handle);
  {
    const std::lock_guard lock(mutex_);
    ended_.emplace_back(transfer.key, outcome_of(transfer, result));
  }
  news_.notify_one();
  curl_.easy_cleanup(std::exchange(transfer.handle, nullptr));
  transfer.over = true;
}

std::vector<std::pair<std::int64_t, Outcome>> MessageClient::take_ended() {
  std::erase_if(leaving_, [](const auto& transfer) { return transfer->over.load(); });
  std::vector<std::pair<std::int64_t, Outcome>> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
  }
  for (const auto& [key, outcome] : ended) {
    auto transfer = std::move(transfers_.extract(key).mapped());
    transfer->deadline = Clock::now() + goodbye_time;
    leaving_.push_back(std::move(transfer));
  }
  return ended;
}

void MessageClient::prepare(Transfer& transfer) {
  const auto& message = transfer.message;
  const auto set = [&](CURLoption option, auto value) { curl_.easy_setopt(transfer.handle, option, value); };
  set(CURLOPT_URL, message.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, message.mail_from.empty() ? "http,https" : "smtp,smtps");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_NOPROXY, "*");        // through one every private address would be reached
  set(CURLOPT_FOLLOWLOCATION, 0L);  // it would be another receiver than the one that was chosen
  const bool by_mail = !message.mail_from.empty();
  const std::chrono::milliseconds time = by_mail ? limits::mail_time : limits::delivery_time;
  const std::chrono::milliseconds time_to_connect = by_mail ? mail_greeting_time : limits::delivery_time;
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(time.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(time_to_connect.count()));
  transfer.deadline = Clock::now() + time + time_to_end;
  // Left open until the outcome is told; nobody else uses it.
  set(CURLOPT_FORBID_REUSE, by_mail ? 0L : 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer holds up nobody else
  set(CURLOPT_WRITEFUNCTION, &Transfer::take);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::open);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&transfer));
  set(CURLOPT_CLOSESOCKETFUNCTION, &Transfer::close);
  set(CURLOPT_CLOSESOCKETDATA, static_cast<void*>(&transfer));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &Transfer::look);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&transfer));
  static const auto agent = fmt::format("drydock/{}", version);
  set(CURLOPT_USERAGENT, agent.c_str());
  for (const auto& header : message.headers) transfer.headers = curl_.slist_append(transfer.headers, header.c_str());
  if (!by_mail) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(message.body.size()));
    set(CURLOPT_POSTFIELDS, message.body.data());
    set(CURLOPT_HTTPHEADER, transfer.headers);
    return;
  }
  set(CURLOPT_MAIL_FROM, message.mail_from.c_str());
  transfer.address_recipients();
  set(CURLOPT_VERBOSE, 1L);
  set(CURLOPT_DEBUGFUNCTION, &Transfer::note_command);
  set(CURLOPT_DEBUGDATA, static_cast<void*>(&transfer));
  set(CURLOPT_USE_SSL, static_cast<long>(message.needs_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
  if (!message.user.empty()) {
    set(CURLOPT_USERNAME, message.user.c_str());
    set(CURLOPT_PASSWORD, message.password.c_str());
  }
  set(CURLOPT_HEADERFUNCTION, &Transfer::take_line);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  transfer.mime = curl_.mime_init(transfer.handle);
  auto* part = curl_.mime_addpart(transfer.mime);
  curl_.mime_data(part, message.body.data(), message.body.size());
  curl_.mime_type(part, "text/plain; charset=utf-8");
  curl_.mime_encoder(part, "quoted-printable");
  set(CURLOPT_HTTPHEADER, transfer.headers);
  set(CURLOPT_MIMEPOST, transfer.mime);
}

std::vector<std::pair<std::int64_t, Outcome>> MessageClient::wait(std::chrono::milliseconds longest) {
  const auto now = Clock::now();
  for (auto& [key, transfer] : transfers_) {
    // libcurl waits for a mail server's goodbye before it tells.
    const auto refused_at = transfer->refused_at.load();
    const bool refused = refused_at != Clock::time_point{} && now - refused_at >= goodbye_time;
    if (!refused && now < transfer->deadline) continue;
    transfer->late = !refused;
    transfer->break_off();
  }
  for (auto& transfer : leaving_)
    if (now >= transfer->deadline) transfer->break_off();
  if (!transfers_.empty() || !leaving_.empty()) longest = std::min<std::chrono::milliseconds>(longest, look_every);
  {
    std::unique_lock lock(mutex_);
    news_.wait_for(lock, longest, [this] { return woken_ || !ended_.empty(); });
    woken_ = false;
  }
  return take_ended();
}

Outcome MessageClient::outcome_of(Transfer& transfer, CURLcode result) {
  Outcome outcome;
  const auto fail = [&](ErrorKind kind, std::string words) { outcome.error = Error{kind, std::move(words)}; };
  // Another address of the same name may have been reached.
  if (result != CURLE_OK && !transfer.refused.empty()) {
    fail(ErrorKind::refused,
        fmt::format("{} is a private address: if it is meant, name its network in integrations.private_networks",
            transfer.refused));
    return outcome;
  }
  if (result != CURLE_OK && transfer.late) {
    fail(ErrorKind::timed_out, "it took too long, and was broken off");
    return outcome;
  }
  long status = 0;
  curl_.easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  const bool cut_off = result == CURLE_WRITE_ERROR && transfer.answered > most_of_an_answer;
  const bool by_mail = !transfer.message.mail_from.empty();
  if (result != CURLE_OK && by_mail && !transfer.refused_recipient.empty()) {
    fail(ErrorKind::refused,
        "the mail server refused " + log::printable(transfer.left_out + transfer.words_of_refused()));
    return outcome;
  }
  if (result != CURLE_OK && by_mail && !transfer.answer.empty()) {
    fail(ErrorKind::refused, "the mail server answered " + log::printable(transfer.answer));
    return outcome;
  }
  if (result != CURLE_OK && !cut_off) {
    const auto said = status >= 400 ? fmt::format(" (it answered {})", status) : "";
    fail(ErrorKind::closed, fmt::format("it was not sent: {}{}", curl_.easy_strerror(result), said));
    return outcome;
  }
  if (by_mail && !transfer.left_out.empty())
    outcome.left_out = fmt::format("the mail server refused {}{}",
        log::printable(transfer.left_out.substr(0, transfer.left_out.size() - 2)), others_have_it);
  if (by_mail || (status >= 200 && status < 300)) return outcome;
  curl_off_t wait = 0;
  curl_.easy_getinfo(transfer.handle, CURLINFO_RETRY_AFTER, &wait);
  if (wait > 0)
    outcome.asked_to_wait = std::min<Clock::duration>(
        std::chrono::seconds(std::min<curl_off_t>(wait, 86'400)), limits::longest_delivery_pause);
  outcome.for_good =
      std::find(refusals_of_a_body.begin(), refusals_of_a_body.end(), status) != refusals_of_a_body.end();
  char* elsewhere = nullptr;
  curl_.easy_getinfo(transfer.handle, CURLINFO_REDIRECT_URL, &elsewhere);
  if (elsewhere != nullptr)
    fail(ErrorKind::refused,
        fmt::format("the receiver answered {} and points to {}: if that is right, set it", status,
            log::printable(shorten(elsewhere, longest_answer))));
  else
    fail(ErrorKind::refused,
        fmt::format("the receiver answered {}{}{}", status, transfer.answer.empty() ? "" : ": ",
            log::printable(transfer.answer)));
  return outcome;
}

void MessageClient::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  news_.notify_one();
}

}  // namespace drydock::integrations
