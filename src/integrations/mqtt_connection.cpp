#include "integrations/mqtt_connection.hpp"

#include "base/log.hpp"
#include "firmware/files.hpp"
#include "integrations/reachable_address.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fmt/core.h>
#include <stdexcept>

namespace drydock::integrations {
namespace {

using namespace std::chrono_literals;

constexpr auto first_pause = 1s;
constexpr auto longest_pause = 30s;
constexpr auto connect_time = 15s;
// A broker that takes connections and ends them at once is no better than one that is away.
constexpr auto stable_time = 10s;
constexpr auto goodbye_time = 1s;
constexpr int keep_alive = 30;  // seconds
constexpr std::size_t most_unacknowledged = 100;
constexpr std::size_t largest_password_file = 1024;
constexpr std::size_t largest_payload = 4 * 1024;
constexpr int at_least_once = 1;
// libmosquitto believes what a broker says: packets of 256 MB are read to their end, and messages of QoS 2, which
// nobody subscribes to here, kept until the broker releases them.
constexpr std::uint64_t most_kept = 256 * 1024;
constexpr std::uint64_t most_kept_each_second = 4;  // answers to pings, of which nobody tells
constexpr std::size_t packet_overhead = 64;         // with TLS'

std::string password_in(const std::filesystem::path& file) {
  if (file.empty()) return "";
  const auto content = firmware::read_file(file, largest_password_file);
  if (!content) throw std::runtime_error(fmt::format("mqtt.password_file: {}", content.error().message));
  std::string password(content->begin(), content->end());
  while (password.ends_with('\n') || password.ends_with('\r')) password.pop_back();
  return password;
}

MqttConnection& connection(void* self) {
  return *static_cast<MqttConnection*>(self);
}

}  // namespace

MqttConnection::MqttConnection(const Libmosquitto& mosquitto, const state::Configuration::Mqtt& configuration,
    std::string will, Callbacks callbacks)
    : library_(mosquitto),
      configuration_(configuration),
      password_(password_in(configuration.password_file)),
      port_(configuration.port != 0 ? configuration.port
              : configuration.tls   ? 8883
                                    : 1883),
      will_(std::move(will)),
      callbacks_(std::move(callbacks)) {
  if (!configuration.tls && !configuration.ca.empty())
    throw std::runtime_error("mqtt.ca is given, and mqtt.tls is not true: nothing would be encrypted");
  create();  // so that what cannot be used is told at once
}

// Without a goodbye that the broker has acknowledged, it tells by the will.
MqttConnection::~MqttConnection() {
  if (connected_ && publish(will_, "offline", true)) {
    const auto until = Clock::now() + goodbye_time;
    while (unacknowledged_ > 0 && Clock::now() < until && exchange(50ms) == MOSQ_ERR_SUCCESS) {}
    if (unacknowledged_ == 0) library_.disconnect(client_);
  }
  destroy();
}

// For each connection anew: what a broker did not acknowledge would be kept, and sent again, for ever.
void MqttConnection::create() {
  destroy();
  if (std::error_code none;
      configuration_.tls && !configuration_.ca.empty() && !std::filesystem::is_regular_file(configuration_.ca, none))
    throw std::runtime_error(fmt::format("mqtt.ca: there is no file {}", configuration_.ca.string()));
  constexpr bool clean_session = true;
  client_ = library_.create(nullptr, clean_session, this);
  if (client_ == nullptr) throw std::runtime_error("libmosquitto has no memory");
  unacknowledged_ = 0;
  understood_ = 0;
  const std::string offline = "offline";
  library_.will_set(client_, will_.c_str(), static_cast<int>(offline.size()), offline.data(), at_least_once, true);
  if (!configuration_.user.empty())
    library_.username_pw_set(client_, configuration_.user.c_str(), password_.empty() ? nullptr : password_.c_str());
  if (configuration_.tls) {
    const auto ca = configuration_.ca.string();
    const auto set = library_.tls_set(
        client_, ca.empty() ? nullptr : ca.c_str(), ca.empty() ? "/etc/ssl/certs" : nullptr, nullptr, nullptr, nullptr);
    if (set != MOSQ_ERR_SUCCESS) {
      destroy();
      throw std::runtime_error(
          fmt::format("mqtt.ca: {} is not read as the PEM file of a certificate: {}", ca, library_.strerror(set)));
    }
  }
  library_.connect_callback_set(client_, &MqttConnection::on_connect);
  library_.publish_callback_set(client_, &MqttConnection::on_publish);
  library_.message_callback_set(client_, &MqttConnection::on_message);
}

void MqttConnection::destroy() {
  if (client_ != nullptr) library_.destroy(std::exchange(client_, nullptr));
  socket_.reset();
  connected_ = false;
}

void MqttConnection::on_connect(mosquitto*, void* of, int code) {
  auto& self = connection(of);
  if (code != 0) {
    self.problem_ = fmt::format("the broker refuses: {}", self.library_.connack_string(code));
    return;  // it ends the connection
  }
  if (std::exchange(self.connected_, true)) return;  // a broker that says so again and again
  self.began_ = Clock::now();
  self.problem_.clear();
  log::notice("connected to the broker {} port {}", self.configuration_.host, self.port_);
  self.publish(self.will_, "online", true);
  self.callbacks_.connected();
}

void MqttConnection::on_publish(mosquitto*, void* of, int) {
  auto& self = connection(of);
  if (self.unacknowledged_ > 0) --self.unacknowledged_;
  self.understood_ += packet_overhead;
}

void MqttConnection::on_message(mosquitto*, void* of, const mosquitto_message* message) {
  auto& self = connection(of);
  const std::string topic(message->topic);
  if (!self.callbacks_.asks_for(topic)) return;
  const auto size = static_cast<std::size_t>(std::max(message->payloadlen, 0));
  self.understood_ += packet_overhead + topic.size() + size;
  if (size > largest_payload) return;
  self.callbacks_.received(topic, std::string(static_cast<const char*>(message->payload), size), message->retain);
}

bool MqttConnection::may_publish() const {
  return connected_ && unacknowledged_ < most_unacknowledged;
}

bool MqttConnection::publish(const std::string& topic, const std::string& payload, bool retain) {
  if (!connected_) return false;
  const auto sent = library_.publish(client_, nullptr, topic.c_str(), static_cast<int>(payload.size()),
      payload.empty() ? nullptr : payload.data(), at_least_once, retain);
  if (sent == MOSQ_ERR_SUCCESS) ++unacknowledged_;
  return sent == MOSQ_ERR_SUCCESS;
}

void MqttConnection::subscribe(const std::string& topics) {
  library_.subscribe(client_, nullptr, topics.c_str(), at_least_once);
}

void MqttConnection::unsubscribe(const std::string& topics) {
  library_.unsubscribe(client_, nullptr, topics.c_str());
}

// Where TLS has to compare the name, libmosquitto must be given it, and takes the first of its addresses.
void MqttConnection::connect() {
  began_ = Clock::now();
  const auto at = find_reachable_address(configuration_.host, port_, callbacks_.stopping);
  if (!at) return lost(at.error().message);
  // A file may have gone, or may not be read any more.
  try {
    if (client_ == nullptr) create();
  } catch (const std::runtime_error& e) {
    return lost(e.what());
  }
  const auto& host = configuration_.tls ? configuration_.host : at->address;
  const auto begun = configuration_.tls && !at->is_first
      ? library_.connect(client_, host.c_str(), port_, keep_alive)
      : library_.connect_async(client_, host.c_str(), port_, keep_alive);
  if (begun != MOSQ_ERR_SUCCESS) return lost(words_of(begun));
  auto socket = MeteredSocket::take_over(library_.socket(client_));
  if (!socket) return lost(socket.error().message);
  socket_ = std::move(*socket);
}

// Its words for TLS say nothing of what to do.
std::string MqttConnection::words_of(int error) const {
  if (error != MOSQ_ERR_TLS) return library_.strerror(error);
  return fmt::format(
      "TLS failed: its certificate is not signed by {}, or not of the name {}, or there is no TLS at this port",
      configuration_.ca.empty() ? "anybody whom this machine trusts (see mqtt.ca)" : configuration_.ca.string(),
      configuration_.host);
}

void MqttConnection::lost(const std::string& why) {
  auto words = problem_.empty() ? why : problem_;
  while (words.ends_with('.')) words.pop_back();
  if (connected_ && Clock::now() - began_ >= stable_time) {
    pause_ = {};
    told_.clear();
  }
  destroy();
  pause_ = std::clamp<Clock::duration>(pause_ * 2, first_pause, longest_pause);
  again_at_ = Clock::now() + pause_;
  problem_ = words;
  if (std::exchange(told_, words) != words)
    log::warning(
        "the broker {} port {} is not reached: {}. It is tried again and again", configuration_.host, port_, words);
}

// As mosquitto_loop(), which uses select() and so takes no descriptor beyond 1023.
int MqttConnection::exchange(std::chrono::milliseconds longest) {
  if (library_.socket(client_) < 0) return MOSQ_ERR_NO_CONN;
  constexpr int packets = 1;  // not used
  const auto ready = socket_->exchange(library_.want_write(client_), longest);
  if (ready.to_read) {
    if (const auto read = library_.loop_read(client_, packets); read != MOSQ_ERR_SUCCESS) return read;
    if (keeps_too_much()) {
      overfed_ = true;
      problem_ = "it sends packets that are too large, what nobody asked for, or messages that it never releases";
      return MOSQ_ERR_PAYLOAD_SIZE;
    }
  }
  if (ready.to_write)
    if (const auto written = library_.loop_write(client_, packets); written != MOSQ_ERR_SUCCESS) return written;
  return library_.loop_misc(client_);
}

bool MqttConnection::keeps_too_much() const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began_).count();
  return socket_->received() > understood_ + most_kept + most_kept_each_second * static_cast<std::uint64_t>(seconds);
}

bool MqttConnection::work(std::chrono::milliseconds longest) {
  const bool begins = !connected_ && (client_ == nullptr || library_.socket(client_) < 0);
  if (begins) {
    if (Clock::now() < again_at_) return false;
    problem_.clear();
    connect();
    if (client_ == nullptr) return false;
  }
  if (!connected_ && Clock::now() - began_ > connect_time) {
    lost("it does not answer");
    return false;
  }
  if (const auto done = exchange(longest); done != MOSQ_ERR_SUCCESS) lost(words_of(done));
  return true;
}

}  // namespace drydock::integrations
