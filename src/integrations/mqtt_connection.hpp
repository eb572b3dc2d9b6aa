// A connection to an MQTT broker, that comes back by itself, with growing pauses. For one thread.
#pragma once

#include "base/clock.hpp"
#include "integrations/libmosquitto.hpp"
#include "integrations/metered_socket.hpp"
#include "state/configuration.hpp"

#include <functional>
#include <memory>
#include <string>

namespace drydock::integrations {

class MqttConnection {
public:
  struct Callbacks {
    std::function<void()> connected;  ///< to subscribe, and publish what is to be there
    /// Must be quick, and not throw, both: libmosquitto holds its locks.
    std::function<bool(const std::string& topic)> asks_for;
    std::function<void(const std::string& topic, std::string payload, bool retained)> received;
    std::function<bool()> stopping;  ///< then nothing is waited for
  };
  /// `will`: the topic that says "offline" when the connection ends without a word. Throws std::runtime_error for a
  /// configuration that cannot be used.
  MqttConnection(const Libmosquitto& mosquitto, const state::Configuration::Mqtt& configuration, std::string will,
      Callbacks callbacks);
  /// Says goodbye.
  ~MqttConnection();

  bool connected() const { return connected_; }
  /// Why it is not; empty: it is, or nothing is known yet.
  const std::string& problem() const { return problem_; }

  /// Whether a connection was ended because the broker sent more than can be meant for this.
  bool overfed() const { return overfed_; }
  bool all_acknowledged() const { return connected_ && unacknowledged_ == 0; }
  /// Whether more may be published now: what the broker has not acknowledged is kept in memory.
  bool may_publish() const;
  /// At least once (QoS 1). False: not connected.
  bool publish(const std::string& topic, const std::string& payload, bool retain);
  void subscribe(const std::string& topics);
  void unsubscribe(const std::string& topics);

  /// Reads, writes and connects anew, for at most that long or a little more. False: there is nothing to do for a
  /// while.
  bool work(std::chrono::milliseconds longest);

private:
  static void on_connect(mosquitto* m, void* self, int code);
  static void on_publish(mosquitto* m, void* self, int id);
  static void on_message(mosquitto* m, void* self, const mosquitto_message* message);
  void create();
  void destroy();
  void connect();
  std::string words_of(int error) const;
  void lost(const std::string& why);
  int exchange(std::chrono::milliseconds longest);
  bool keeps_too_much() const;

  const Libmosquitto& library_;
  state::Configuration::Mqtt configuration_;
  std::string password_;
  int port_;
  std::string will_;
  Callbacks callbacks_;
  mosquitto* client_ = nullptr;  ///< while a connection is there, or being made
  std::unique_ptr<MeteredSocket> socket_;
  bool connected_ = false;
  bool overfed_ = false;
  std::string problem_;
  std::string told_;  ///< of the problems, the last that the log has
  Clock::duration pause_{};
  Clock::time_point again_at_{};
  Clock::time_point began_{};
  std::size_t unacknowledged_ = 0;
  std::uint64_t understood_ = 0;  ///< bytes of this connection, about: what libmosquitto has told of
};

}  // namespace drydock::integrations
