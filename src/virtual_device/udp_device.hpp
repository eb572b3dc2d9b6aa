// A UDP device made of software: handshake, Hello, Describe, pings, resumption of its session after a reset, and OTA
// protocol v3 (or the chunked one of older releases), with the behaviour PROTOCOL §3 to §5 tells of and faults on
// request.
#pragma once

#include "base/clock.hpp"
#include "coap/message.hpp"
#include "coap/reliability.hpp"
#include "virtual_device/application.hpp"
#include "virtual_device/device_dtls.hpp"
#include "virtual_device/flash.hpp"

#include <asio/awaitable.hpp>
#include <deque>
#include <functional>
#include <random>

namespace drydock::virtual_device {

struct UdpProfile {
  MoveMark mark = MoveMark::type_253;
  bool ota_v3 = true;
  bool protobuf_describe = true;
  std::uint16_t max_message = 1152;
  static UdpProfile v2_3();  ///< no connection id, legacy OTA
  static UdpProfile v3_3();  ///< connection id without a mark, JSON
  static UdpProfile v6_2();
};

struct UdpOptions {
  std::array<std::uint8_t, 12> id{};
  Bytes server_key;  ///< SubjectPublicKeyInfo it trusts
  std::uint16_t platform = 13;
  UdpProfile profile = UdpProfile::v6_2();
  bool updates_enabled = true;  ///< what its application allows
  unsigned seed = 1;
  Clock::duration erase_time{};
  Clock::duration reset_time = std::chrono::milliseconds(500);
  Clock::duration ping_every = std::chrono::seconds(25);
  Clock::duration state_saved_every = std::chrono::seconds(30);  ///< of a transfer; what came later is lost by a reset
};

struct UdpFaults {
  std::optional<std::size_t> reset_at;  ///< bytes of the image received: then it resets, once
  std::optional<std::size_t> call_at;   ///< bytes of the image received: then `called` is called, once
  std::function<void()> called;
  bool resets_when_asked = false;  ///< for its application's Describe, once
  bool forgets_session = false;    ///< at a reset
  bool forgets_updates = false;    ///< accepts images and never applies them
  bool says_incomplete = false;    ///< refuses every Finish
};

class UdpDevice {
public:
  using Send = std::function<void(ByteView datagram)>;

  UdpDevice(asio::any_io_executor executor, UdpOptions options, DeviceEcKey key, Flash flash, Send send);
  ~UdpDevice();

  /// Connects, and again after each reset or loss, until stop().
  asio::awaitable<void> run();
  void stop();
  void on_datagram(ByteView datagram);

  Flash& flash() { return flash_; }
  const DeviceEcKey& key() const { return key_; }
  int nonces_used_twice() const { return dtls_.nonces_used_twice(); }
  UdpFaults faults;

  Application application;

  // What tests look at.
  int handshakes = 0;
  int resumptions = 0;
  int resets = 0;
  bool connected = false;
  std::vector<std::string> applied;  ///< "s1@3", in order
  std::vector<std::size_t> offsets;  ///< what it answered to each UpdateStart
  std::size_t chunk_bytes = 0;       ///< received, repeated ones included
  std::vector<int> verdicts;
  std::uint32_t time_received = 0;
  Clock::duration last_update_time{};

private:
  enum class After { reconnect, reset };
  struct Update;
  struct Kept {  ///< of an update, in flash memory
    Bytes sha256;
    std::size_t size = 0;
    Bytes bytes;
  };

  asio::awaitable<bool> handshake();
  asio::awaitable<After> online();
  asio::awaitable<void> rest_until(Clock::time_point until);
  void wake();
  void greet();
  void handle(const coap::Message& message);
  void handle_request(const coap::Message& request);
  void answer_application(const coap::Message& request);
  void start_update(const coap::Message& request);
  void take_chunk(const coap::Message& request);
  void finish_update(const coap::Message& request);
  void begin_chunked(const coap::Message& request);
  void take_legacy_chunk(const coap::Message& request);
  void end_chunked(const coap::Message& request);
  void received_so_far();
  void acknowledge_chunks();
  void keep_state();
  void conclude(const Bytes& image, const coap::Message& request, bool legacy);
  void send(coap::Message message);
  void request(coap::Message message) { send(std::move(message)); }
  void event(const char* name, const char* data);
  Bytes hello_payload() const;
  Clock::time_point next_moment() const;
  void on_time();

  asio::any_io_executor executor_;
  UdpOptions options_;
  DeviceEcKey key_;
  Flash flash_;
  Send send_;
  std::mt19937 random_;
  DeviceDtls dtls_;
  coap::Reliability reliability_;
  std::deque<Bytes> inbox_;
  std::shared_ptr<Timer> timer_;
  std::unique_ptr<Update> update_;
  Kept kept_;
  Bytes said_hello_;  ///< of the last Hello, to know whether anything changed
  Bytes said_describe_;
  std::optional<std::uint16_t> awaited_;  ///< id of the message behind whose acknowledgement the device resets
  Bytes to_apply_;
  std::uint16_t message_id_ = 0;
  std::uint8_t token_ = 0;
  Clock::time_point last_heard_{};
  bool pinged_ = false;
  bool reset_wanted_ = false;
  bool leave_wanted_ = false;
  bool stopped_ = false;
};

}  // namespace drydock::virtual_device
