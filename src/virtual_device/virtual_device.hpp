// A device made of software: it speaks a Photon's side of the TCP protocol for tests, the simulator and the demo, with
// the behaviour of several Device OS releases, and with faults on request. Written from the protocol reference; it
// shares with the server the CoAP codec and nothing else of the protocol.
#pragma once

#include "base/clock.hpp"
#include "coap/message.hpp"
#include "transport/byte_stream.hpp"
#include "virtual_device/application.hpp"
#include "virtual_device/device_crypto.hpp"
#include "virtual_device/flash.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>

namespace drydock::virtual_device {

/// What differs between releases (PROTOCOL §2.6, §4.2, §5).
struct Release {
  std::uint16_t hello_flags = 0x36;
  bool extended_hello = false;         ///< 3.0+
  bool posts_describe = true;          ///< 2.0+: unasked
  bool protobuf_describe = false;      ///< 5.5+
  bool describe_needs_query = false;   ///< 3.3+
  bool piggybacked_describe = false;   ///< up to 1.5: inside the acknowledgement
  bool describe_parts_of_0_5 = false;  ///< up to 0.5: 2 asks for the system, and any for the application
  bool first_need_only = false;        ///< up to 0.6
  bool bare_verdict = false;           ///< up to 0.6: UpdateDone is answered without payload, even for a bad image
  bool asks_by_itself = false;         ///< up to 0.7: after the first round asks for more and sends its own UpdateDone
  bool says_updates_enabled = true;    ///< 1.2+
  std::size_t describe_block = 0;      ///< 3.3+: bytes of a block when posting; 0: whole
  static Release v0_5();
  static Release v0_6();
  static Release v2_3();
  static Release v3_3();
  static Release v6_2();  ///< as the host build speaks it over TCP
};

struct Faults {
  std::set<std::size_t> drop_chunks;     ///< each index lost once
  std::set<std::size_t> corrupt_chunks;  ///< each index arrives damaged once
  std::optional<std::size_t> silent_at;  ///< stops answering at the n-th message received on a connection, once
  std::optional<std::size_t> reset_at;   ///< resets at the n-th message received on a connection
  int resets = 1;                        ///< how often reset_at strikes
  bool forgets_updates = false;          ///< accepts images and never applies them
  bool updates_disabled = false;
  bool refuses_updates = false;           ///< answers UpdateBegin with 5.03 though updates are not disabled
  bool damages_image = false;             ///< finds every image's CRC wrong
  Bytes describe_instead;                 ///< posts these bytes as its Describe
  std::function<Bytes(int n)> describes;  ///< what its n-th Describe says instead, counted from 1
  int describe_flood = 0;                 ///< how many more Describes it posts right after the first
  int closes_at_done = 0;                 ///< how often it closes the connection instead of hearing UpdateDone
  int reverts = 0;  ///< how often it goes back to what it had, some time after it applied an image
  int lies = 0;     ///< how many Describes tell of `pretended` instead of what there is
  std::shared_ptr<const Flash> pretended;
};

struct Options {
  std::array<std::uint8_t, 12> id{};
  Bytes server_key;  ///< SubjectPublicKeyInfo it trusts
  std::uint16_t platform = 6;
  Release release = Release::v2_3();
  bool takes_fast_ota = true;
  bool plain = false;               ///< frames without handshake and cipher, for simulating many devices quickly
  Clock::duration erase_time{};     ///< before UpdateReady
  Clock::duration chunk_timeout{};  ///< flash writing time of one chunk
  Clock::duration reset_time = std::chrono::milliseconds(500);
  Clock::duration reconnect_time = std::chrono::seconds(1);
  Clock::duration publish_every{};  ///< an event "tick" after so much silence; zero: none
};

/// Opens a connection to the server; nothing when it cannot be reached.
using Connect = std::function<asio::awaitable<std::shared_ptr<transport::ByteStream>>()>;

class VirtualDevice {
public:
  VirtualDevice(Options options, DeviceKey key, Flash flash);
  ~VirtualDevice();

  /// Connects, and again after each reset or loss, until stop().
  asio::awaitable<void> run(Connect connect);
  /// run() returns soon after.
  void stop();

  Flash& flash() { return flash_; }
  const Flash& flash() const { return flash_; }
  int described_parts = 0;  ///< requests for its Describe that were answered
  Faults faults;
  /// Which release's behaviour the device shows with this in its flash memory; asked at each connection.
  std::function<Release(const Flash&)> release_of;
  std::function<void(const Flash&)> after_update;  ///< called when an image has been applied

  Application application;
  std::string claim_code;  ///< shown at each connection until the server says that it is claimed
  Bytes metrics = {0, 4, 0, 2, 0, 4, 0, 6, 0, 12, 0, 0, 0, 8, 0, 4, 0, 0, 0};  ///< up for 12 s, network connected

  // What tests look at.
  int connections = 0;
  int resets = 0;
  int images_received = 0;
  std::vector<std::string> applied;           ///< "s1@3", in order
  std::map<std::string, int> received_files;  ///< how often each module came whole: "s1@3"
  std::vector<int> verdicts;                  ///< system error of each whole image, 0 for good ones
  std::size_t chunks_received = 0;
  std::uint32_t time_received = 0;
  Clock::duration last_update_time{};  ///< from UpdateBegin to the answer to UpdateDone
  bool connected = false;              ///< Hello was answered and the connection lives
  bool ever_reverts = false;           ///< for tests to note
  bool pending = false;                ///< was told that there is an update, which it holds off
  bool forced = false;                 ///< was told to take updates though they are disabled
  std::string last_failure;            ///< why the last connection ended

  /// Tells of its vitals, as Particle.publishVitals() does.
  asio::awaitable<bool> post_vitals() { co_return co_await post_describe(4); }
  asio::awaitable<bool> disable_updates() { co_return co_await send_event("particle/device/updates/enabled", "false"); }
  asio::awaitable<bool> enable_updates() { co_return co_await send_event("particle/device/updates/enabled", "true"); }

private:
  enum class After { reconnect, reset };
  struct Update;

  asio::awaitable<After> serve(transport::ByteStream& stream);
  asio::awaitable<bool> handshake(transport::ByteStream& stream);
  asio::awaitable<bool> greet();
  asio::awaitable<bool> post_describe(std::uint8_t part);
  asio::awaitable<bool> handle(const coap::Message& message);
  asio::awaitable<bool> answer_application(const coap::Message& request);
  asio::awaitable<bool> answer_describe(const coap::Message& request);
  asio::awaitable<bool> begin_update(const coap::Message& request);
  asio::awaitable<bool> take_chunk(const coap::Message& request);
  asio::awaitable<bool> end_update(const coap::Message& request);
  asio::awaitable<bool> report_missing();
  asio::awaitable<bool> send(coap::Message message);
  asio::awaitable<bool> send_event(std::string name, std::string data);
  asio::awaitable<std::optional<coap::Message>> receive(Clock::time_point deadline);
  asio::awaitable<bool> read_exactly(std::span<std::uint8_t> into, Clock::time_point deadline);
  asio::awaitable<void> sleep(Clock::duration time);
  Bytes describe_body(std::uint8_t part);
  std::string name_of_image() const;  ///< of the update, "s1@3"; empty when it is no module
  void count_received();

  Options options_;
  DeviceKey key_;
  Flash flash_;
  transport::ByteStream* stream_ = nullptr;
  std::shared_ptr<transport::ByteStream> current_;
  std::unique_ptr<DeviceCipher> outgoing_;
  std::unique_ptr<DeviceCipher> incoming_;
  std::unique_ptr<Update> update_;
  std::shared_ptr<Timer> sleeping_;
  std::uint16_t message_id_ = 0;
  std::uint8_t token_ = 0;
  std::size_t messages_received_ = 0;
  int described_ = 0;
  std::optional<Flash> before_;  ///< to revert to
  bool applied_since_hello_ = false;
  bool reset_wanted_ = false;
  bool stopped_ = false;
};

}  // namespace drydock::virtual_device
