// The demultiplexer of all DTLS sessions, with nothing behind it: whom clients and devices can and cannot disturb.
#include "coap/message.hpp"
#include "support/network.hpp"
#include "base/limits.hpp"
#include "transport/dtls/demultiplexer.hpp"
#include "virtual_device/device_dtls.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace drydock::transport;
using virtual_device::DeviceDtls;
using virtual_device::DeviceEcKey;
using virtual_device::MoveMark;

namespace {

struct FakeSessionStore final : SessionStore {
  bool works = true;
  std::vector<PersistedSession> kept;
  std::vector<dtls::ConnectionId> forgotten;
  asio::awaitable<Result<void>> save(PersistedSession session) override {
    kept.push_back(std::move(session));
    if (!works) co_return failure(ErrorKind::storage, "the disk is full");
    co_return Result<void>{};
  }
  void save_soon(PersistedSession session) override { kept.push_back(std::move(session)); }
  void forget(const dtls::ConnectionId& id) override { forgotten.push_back(id); }
};

UdpEndpoint at(int host, std::uint16_t port = 5684) {
  return {asio::ip::make_address("10.0.0." + std::to_string(host)), port};
}

struct DemultiplexerFixture {
  SimulatedWorld world;
  FakeSessionStore session_store;
  crypto::EcPrivateKey key = crypto::EcPrivateKey::generate();
  std::vector<std::pair<Bytes, UdpEndpoint>> sent;
  std::vector<std::shared_ptr<DtlsChannel>> arrivals;
  std::vector<std::string> connection_rejected;
  AsyncSemaphore handshakes{16};
  std::string known_address = "nowhere";
  DtlsDemultiplexer demultiplexer{
      DtlsDemultiplexer::Services{world.loop.get_executor(), key, world.random, crypto::Workers(), session_store,
          [this](ByteView datagram, const UdpEndpoint& to) {
            sent.emplace_back(Bytes(datagram.begin(), datagram.end()), to);
          },
          [this](std::shared_ptr<DtlsChannel> channel) {
            channel->attach();
            arrivals.push_back(std::move(channel));
          },
          [this](const Error& why, const std::string&) { connection_rejected.push_back(why.message); }, handshakes,
          [this](const std::string& peer) { return peer.starts_with(known_address); }}};
  DeviceEcKey device_key;

  DeviceDtls device(MoveMark mark, std::uint8_t number = 1) {
    DeviceDtls::Identity identity;
    identity.id[11] = number;
    identity.key = &device_key;
    identity.server_spki = key.public_key_spki();
    identity.mark = mark;
    return DeviceDtls(identity);
  }
  void give(ByteView datagram, const UdpEndpoint& from) {
    demultiplexer.on_datagram(datagram, from);
    world.run_until_idle();
  }
  /// The ClientHello with a cookie that is good for this address.
  Bytes second_hello(DeviceDtls& device, const UdpEndpoint& from) {
    sent.clear();
    for (const auto& datagram : device.begin()) give(datagram, from);
    BOOST_REQUIRE(sent.size() == 1u);
    return device.on_datagram(sent[0].first).to_send.at(0);
  }
  std::shared_ptr<DtlsChannel> connect(DeviceDtls& device, const UdpEndpoint& from) {
    std::vector<Bytes> to_send{second_hello(device, from)};
    while (!device.connected() && !to_send.empty()) {
      sent.clear();
      for (const auto& datagram : to_send) give(datagram, from);
      to_send.clear();
      for (const auto& [datagram, to] : sent)
        for (auto& out : device.on_datagram(datagram).to_send) to_send.push_back(std::move(out));
    }
    BOOST_REQUIRE(device.connected());
    return arrivals.back();
  }
  Bytes message(DeviceDtls& device) {
    auto event = coap::request(coap::Type::non_confirmable, coap::Code::post, "E");
    event.id = ++id_;
    return device.seal(coap::encode(event));
  }
  bool hears(DtlsChannel& channel) {
    bool heard = false;
    world.spawn([&]() -> asio::awaitable<void> { heard = (co_await channel.receive(Clock::now())).has_value(); });
    world.run_until_idle();
    return heard;
  }
  bool bind(DtlsChannel& channel, std::uint8_t number = 1) {
    bool bound = false;
    world.spawn([&]() -> asio::awaitable<void> {
      ResumableChannel::SessionBinding binding;
      binding.device.bytes[11] = number;
      bound = (co_await channel.bind(std::move(binding))).has_value();
    });
    world.run_until_idle();
    return bound;
  }

private:
  std::uint16_t id_ = 0;
};

const Bytes close_notify{1, 0};
constexpr std::uint8_t alert = 21;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(udp_hub, DemultiplexerFixture)

BOOST_AUTO_TEST_CASE(nothing_behind_an_alert_in_its_datagram_counts) {
  for (const auto mark : {MoveMark::device_id, MoveMark::type_253}) {
    auto device = this->device(mark);
    const auto channel = connect(device, at(1));
    auto datagram = device.seal(close_notify, alert);
    append(datagram, message(device));
    const auto later = message(device);
    channel->detach();
    const auto arrivals_before = arrivals.size();
    // From elsewhere too, where it can be told whose it is.
    give(datagram, mark == MoveMark::type_253 ? at(2) : at(1));
    BOOST_TEST(demultiplexer.sessions() == 0u);
    BOOST_TEST(arrivals.size() == arrivals_before);
    arrivals.clear();
    give(later, at(2));
    give(later, at(1));
    BOOST_TEST(arrivals.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_forgotten_session_is_written_down_no_more) {
  auto device = this->device(MoveMark::type_253);
  const auto channel = connect(device, at(1));
  BOOST_TEST(bind(*channel));
  give(message(device), at(1));
  channel->forget();
  BOOST_TEST(session_store.forgotten.size() == 1u);
  session_store.kept.clear();
  channel->detach();
  (void)bind(*channel);
  BOOST_TEST(session_store.kept.empty());
}

BOOST_AUTO_TEST_CASE(a_session_that_could_not_be_kept_is_kept_before_it_is_used_for_long) {
  auto device = this->device(MoveMark::type_253);
  const auto channel = connect(device, at(1));
  session_store.works = false;
  BOOST_TEST(!bind(*channel));
  const auto promised = session_store.kept.back().reserved;
  // Meanwhile no number is used that was not promised.
  int sent_anyway = 0;
  for (int i = 0; i < 1'500; ++i) {
    sent.clear();
    const auto ping = coap::empty_acknowledgement(static_cast<std::uint16_t>(i));
    world.spawn([&]() -> asio::awaitable<void> { (void)co_await channel->send(ping, Flush::now); });
    world.run_until_idle();
    sent_anyway += static_cast<int>(sent.size());
  }
  BOOST_TEST(sent_anyway > 500);
  BOOST_TEST(sent_anyway <= static_cast<int>(promised));
  session_store.works = true;
  const auto tries = session_store.kept.size();
  BOOST_TEST(bind(*channel));
  BOOST_TEST(session_store.kept.size() > tries);
  BOOST_TEST(session_store.kept.back().reserved > promised);
}

BOOST_AUTO_TEST_CASE(sessions_without_a_connection_id_share_an_address_in_peace) {
  auto victim = device(MoveMark::device_id, 1);
  auto other = device(MoveMark::device_id, 2);
  const auto channel = connect(victim, at(1));
  const auto others = connect(other, at(2));
  BOOST_REQUIRE(demultiplexer.sessions() == 2u);
  BOOST_REQUIRE(bind(*others, 2));
  other.resume();
  give(message(other), at(1));  // as if from where the victim is
  BOOST_TEST((others->address() == at(1)));
  give(message(victim), at(1));
  BOOST_TEST(hears(*channel));
  give(message(other), at(2));
  give(message(victim), at(1));
  BOOST_TEST(hears(*channel));
}

BOOST_AUTO_TEST_CASE(a_late_record_of_before_does_not_begin_anew) {
  auto device = this->device(MoveMark::type_253);
  const auto channel = connect(device, at(1));
  give(message(device), at(1));
  BOOST_TEST(hears(*channel));
  device.resume();
  const auto marked = message(device);
  channel->detach();
  channel->attach();
  const auto plain = [&] {
    auto datagram = message(device);
    datagram[0] = 25;
    return datagram;
  }();
  give(plain, at(1));
  BOOST_TEST(hears(*channel));
  give(marked, at(1));
  BOOST_TEST(hears(*channel));  // a message, and no interruption
}

BOOST_AUTO_TEST_CASE(hellos_that_change_their_mind_are_no_extra_work) {
  std::vector<Bytes> hellos;
  for (int i = 0; i < 2; ++i) {
    auto device = this->device(MoveMark::type_253);
    hellos.push_back(second_hello(device, at(1)));
  }
  sent.clear();
  for (int i = 0; i < 100; ++i)
    demultiplexer.on_datagram(hellos[static_cast<std::size_t>(i) % 2], at(1));  // while the first is worked on
  BOOST_TEST(demultiplexer.handshakes() == 1u);
  BOOST_TEST(connection_rejected.empty());
  world.run_until_idle();
  BOOST_TEST(sent.size() <= 8u);
}

// Each handshake that begins costs a signature: one address may begin so many, from whatever port, and is heard again
// later.
BOOST_AUTO_TEST_CASE(one_unknown_address_does_not_keep_us_signing) {
  auto client = device(MoveMark::type_253);
  for (std::uint16_t port = 1; port <= 400; ++port) give(second_hello(client, at(1, port)), at(1, port));
  BOOST_TEST(demultiplexer.handshakes() == static_cast<std::size_t>(limits::dtls_handshake_rate_unknown_address.burst));
  auto other = device(MoveMark::type_253);
  (void)connect(other, at(2, 600));
  BOOST_TEST(demultiplexer.sessions() == 1u);
  world.advance(5min);
  auto late = device(MoveMark::type_253);
  (void)connect(late, at(1, 700));
  BOOST_TEST(demultiplexer.sessions() == 2u);
}

BOOST_AUTO_TEST_CASE(the_oldest_handshake_is_evicted_when_there_are_too_many_and_unfinished_ones_end) {
  known_address = "10.";
  auto client = device(MoveMark::type_253);
  for (std::uint16_t port = 1; port <= 128; ++port) give(second_hello(client, at(1, port)), at(1, port));
  BOOST_TEST(demultiplexer.handshakes() == 128u);
  give(second_hello(client, at(1, 500)), at(1, 500));
  BOOST_TEST(connection_rejected.empty());
  world.advance(4s);
  auto device = this->device(MoveMark::type_253);
  (void)connect(device, at(1, 600));  // of the same address, and yet
  BOOST_TEST(demultiplexer.sessions() == 1u);
  // Somebody who begins again and again does not keep the others from ending.
  for (int i = 0; i < 45; ++i) {
    give(second_hello(client, at(1, 1)), at(1, 1));
    world.advance(900ms);
  }
  BOOST_TEST(demultiplexer.handshakes() <= 1u);
}

BOOST_AUTO_TEST_CASE(a_finished_that_does_not_fit_ends_the_handshake) {
  DeviceDtls::Identity identity;
  identity.key = &device_key;
  identity.server_spki = key.public_key_spki();
  identity.wrong_finished = true;
  DeviceDtls device(identity);
  std::vector<Bytes> to_send{second_hello(device, at(1))};
  for (int round = 0; round < 4 && !to_send.empty(); ++round) {
    sent.clear();
    for (const auto& datagram : to_send) give(datagram, at(1));
    to_send.clear();
    for (const auto& [datagram, to] : sent)
      for (auto& out : device.on_datagram(datagram).to_send) to_send.push_back(std::move(out));
  }
  BOOST_TEST(demultiplexer.sessions() == 0u);
  BOOST_REQUIRE(connection_rejected.size() == 1u);
  BOOST_TEST(connection_rejected[0].find("Finished") != std::string::npos);
}

// The newest record says where a device is; an old one that comes late from elsewhere, authentic as it is, does not.
BOOST_AUTO_TEST_CASE(a_late_record_moves_nobody) {
  auto device = this->device(MoveMark::type_253);
  const auto channel = connect(device, at(1));
  const auto late = message(device);
  const auto newest = message(device);
  give(newest, at(2));
  BOOST_TEST(channel->address() == at(2));
  give(late, at(3));
  BOOST_TEST(channel->address() == at(2));
  BOOST_TEST(hears(*channel));
  BOOST_TEST(hears(*channel));  // both were taken
}

// What cannot be reserved is not sent, also not once more: no nonce is used that was not written down.
BOOST_AUTO_TEST_CASE(nothing_is_sent_beyond_what_was_reserved) {
  auto device = this->device(MoveMark::type_253);
  const auto channel = connect(device, at(1));
  BOOST_REQUIRE(bind(*channel));
  session_store.works = false;
  int accepted = 0;
  world.spawn([&]() -> asio::awaitable<void> {
    coap::Message ping;
    ping.id = 1;
    (void)co_await channel->send(ping, Flush::now);  // confirmable: to be sent again
    auto event = coap::request(coap::Type::non_confirmable, coap::Code::post, "e");
    for (int i = 0; i < 5'000; ++i) {
      event.id = static_cast<std::uint16_t>(100 + i);
      if (!co_await channel->send(event, Flush::now)) break;
      ++accepted;
    }
  });
  world.run_until_idle();
  BOOST_TEST(accepted > 500);
  BOOST_TEST(accepted < 1'100);
  sent.clear();
  world.advance(std::chrono::seconds(10));
  BOOST_TEST(sent.empty());
}

BOOST_AUTO_TEST_CASE(messages_that_nobody_reads_are_kept_within_limits) {
  auto device = this->device(MoveMark::type_253);
  const auto channel = connect(device, at(1));
  for (std::size_t i = 0; i < limits::datagrams_waiting + 50; ++i) give(message(device), at(1));
  std::size_t heard = 0;
  while (hears(*channel)) ++heard;
  BOOST_TEST(heard == limits::datagrams_waiting);
}

// The position is written down every so many records, so that a crash lets few of them be played again.
BOOST_AUTO_TEST_CASE(how_far_a_session_was_read_is_written_down_on_the_way) {
  auto device = this->device(MoveMark::type_253);
  const auto channel = connect(device, at(1));
  BOOST_REQUIRE(bind(*channel));
  const auto before = session_store.kept.back().state.received.next();
  for (int i = 0; i < 40; ++i) give(message(device), at(1));
  BOOST_TEST(session_store.kept.back().state.received.next() >= before + 32);
  demultiplexer.save_positions();  // and all of it at an orderly end
  BOOST_TEST(session_store.kept.back().state.received.next() == before + 40);
}

BOOST_AUTO_TEST_CASE(a_warning_ends_no_session) {
  auto device = this->device(MoveMark::type_253);
  const auto channel = connect(device, at(1));
  give(device.seal(Bytes{1, 90}, alert), at(1));  // user_canceled, say
  BOOST_TEST(demultiplexer.sessions() == 1u);
  give(device.seal(Bytes{2, 80}, alert), at(1));
  BOOST_TEST(demultiplexer.sessions() == 0u);
}

// Many from its own address do not push a device out in the middle of its handshake.
BOOST_AUTO_TEST_CASE(who_has_just_come_has_its_chance) {
  known_address = "10.";
  auto first = device(MoveMark::type_253);
  const auto hello = second_hello(first, at(1, 1));
  sent.clear();
  give(hello, at(1, 1));
  const auto flight = sent;
  auto client = device(MoveMark::type_253);
  for (std::uint16_t port = 2; port <= 140; ++port) give(second_hello(client, at(1, port)), at(1, port));
  BOOST_TEST(demultiplexer.handshakes() == 128u);
  for (const auto& [datagram, to] : flight)
    for (const auto& out : first.on_datagram(datagram).to_send) give(out, at(1, 1));
  BOOST_TEST(demultiplexer.sessions() == 1u);
}

// Also those that an earlier run kept.
BOOST_AUTO_TEST_CASE(sessions_are_bounded) {
  for (std::size_t i = 0; i < limits::dtls_sessions + 1; ++i) {
    PersistedSession kept;
    kept.id[6] = static_cast<std::uint8_t>(i >> 8);
    kept.id[7] = static_cast<std::uint8_t>(i);
    kept.device.bytes[10] = kept.id[6];
    kept.device.bytes[11] = kept.id[7];
    kept.state.connection_id = kept.id;
    kept.address = "10.0.0.1";
    kept.port = 1;
    demultiplexer.restore(kept);
  }
  BOOST_TEST(demultiplexer.sessions() == limits::dtls_sessions);
}

BOOST_AUTO_TEST_SUITE_END()
