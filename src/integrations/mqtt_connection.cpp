#include "integrations/mqtt_connection.hpp"

#include "base/log.hpp"
#include "firmware/files.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <stdexcept>

namespace drydock::integrations {
namespace {

using namespace std::chrono_literals;

constexpr auto first_pause = 1s;
constexpr auto longest_pause = 30s;
constexpr auto connect_time = 15s;
constexpr int keep_alive = 30;  // seconds
constexpr std::size_t most_unacknowledged = 100;
constexpr std::size_t largest_password_file = 1024;
constexpr std::size_t largest_payload = 64 * 1024;
constexpr int at_least_once = 1;

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
      host_(configuration.host),
      port_(configuration.port != 0 ? configuration.port
              : configuration.tls   ? 8883
                                    : 1883),
      will_(std::move(will)),
      callbacks_(std::move(callbacks)) {
  const auto password = password_in(configuration.password_file);
  constexpr bool clean_session = true;
  client_ = library_.create(nullptr, clean_session, this);
  if (client_ == nullptr) throw std::runtime_error("libmosquitto has no memory");
  const std::string offline = "offline";
  library_.will_set(client_, will_.c_str(), static_cast<int>(offline.size()), offline.data(), at_least_once, true);
  if (!configuration.user.empty())
    library_.username_pw_set(client_, configuration.user.c_str(), password.empty() ? nullptr : password.c_str());
  if (configuration.tls) {
    const auto ca = configuration.ca.string();
    const auto set = library_.tls_set(
        client_, ca.empty() ? nullptr : ca.c_str(), ca.empty() ? "/etc/ssl/certs" : nullptr, nullptr, nullptr, nullptr);
    if (set != MOSQ_ERR_SUCCESS) {
      library_.destroy(client_);
      throw std::runtime_error(fmt::format("mqtt.ca: {}", library_.strerror(set)));
    }
  }
  library_.connect_callback_set(client_, &MqttConnection::on_connect);
  library_.publish_callback_set(client_, &MqttConnection::on_publish);
  library_.message_callback_set(client_, &MqttConnection::on_message);
}

MqttConnection::~MqttConnection() {
  if (connected_) {
    publish(will_, "offline", true);
    library_.disconnect(client_);
    // So that it has left before the socket closes.
    for (auto until = Clock::now() + 500ms; Clock::now() < until && library_.want_write(client_);)
      if (library_.loop(client_, 50, 1) != MOSQ_ERR_SUCCESS) break;
  }
  library_.destroy(client_);
}

void MqttConnection::on_connect(mosquitto*, void* of, int code) {
  auto& self = connection(of);
  if (code != 0) {
    self.problem_ = fmt::format("the broker refuses: {}", self.library_.connack_string(code));
    return;  // it ends the connection
  }
  self.connected_ = true;
  self.problem_.clear();
  self.pause_ = {};
  self.unacknowledged_ = 0;
  log::notice("connected to the broker {} port {}", self.host_, self.port_);
  self.publish(self.will_, "online", true);
  self.callbacks_.connected();
}

void MqttConnection::on_publish(mosquitto*, void* of, int) {
  auto& waiting = connection(of).unacknowledged_;
  if (waiting > 0) --waiting;
}

void MqttConnection::on_message(mosquitto*, void* of, const mosquitto_message* message) {
  if (message->payloadlen < 0 || static_cast<std::size_t>(message->payloadlen) > largest_payload) return;
  std::string payload(static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen));
  connection(of).callbacks_.received(message->topic, std::move(payload), message->retain);
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

void MqttConnection::connect() {
  begun_at_ = Clock::now();
  const auto begun = library_.connect_async(client_, host_.c_str(), port_, keep_alive);
  begun_ = begun == MOSQ_ERR_SUCCESS;
  if (!begun_) lost(library_.strerror(begun));
}

void MqttConnection::lost(const std::string& why) {
  const auto words = problem_.empty() ? why : problem_;
  const bool news = connected_ || pause_ == Clock::duration{};
  connected_ = begun_ = false;
  pause_ = std::clamp<Clock::duration>(pause_ * 2, first_pause, longest_pause);
  again_at_ = Clock::now() + pause_;
  problem_ = words;
  if (news) log::warning("the broker {} port {} is not reached: {}. It is tried again and again", host_, port_, words);
}

bool MqttConnection::work(std::chrono::milliseconds longest) {
  if (!begun_) {
    if (Clock::now() < again_at_) return false;
    problem_.clear();
    connect();
    if (!begun_) return false;
  }
  if (!connected_ && Clock::now() - begun_at_ > connect_time) {
    library_.disconnect(client_);
    lost("it does not answer");
    return false;
  }
  constexpr int packets = 1;  // not used
  const auto looped = library_.loop(client_, static_cast<int>(longest.count()), packets);
  if (looped != MOSQ_ERR_SUCCESS) lost(library_.strerror(looped));
  return true;
}

}  // namespace drydock::integrations
