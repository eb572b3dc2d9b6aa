// Protocol v3 and CoAP's reliability: the messages against computed vectors, the rest as behaviour in virtual time.
#include "coap/reliability.hpp"
#include "support/data.hpp"
#include "transfer/chunk_pacer.hpp"
#include "transfer/ota_v3_messages.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <map>
#include <random>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;

namespace {

struct V3 {
  nlohmann::json v = load_json("06_ota_v3.json");
  coap::Message message(const std::string& begins) const {
    for (const auto& m : v["messages"])
      if (text_in(m["name"]).starts_with(begins)) return *coap::decode(hex(m["coap"]));
    throw std::runtime_error("no such vector: " + begins);
  }
  // Ours, with the id and token of the vector.
  static std::string as(coap::Message ours, const coap::Message& vector) {
    ours.id = vector.id;
    ours.token = vector.token;
    return to_hex(coap::encode(ours));
  }
};

using transfer::ChunkPacer;
using transfer::ChunksReceived;

Clock::time_point at(Clock::duration d) {
  return Clock::time_point{1h} + d;
}

// A device at the end of a pipe of so many chunks a second and a delay each way; some chunks are lost on the way.
struct Pipe {
  double rate = 100;
  Clock::duration delay = 100ms;
  double loss = 0;
  std::size_t dead_after = SIZE_MAX;  // chunks, then nothing gets through any more
  unsigned seed = 1;

  std::size_t chunks = 400;
  std::vector<bool> have = std::vector<bool>(chunks);
  std::size_t sent = 0;
  Clock::duration took{};

  void run(ChunkPacer& pacer, Clock::duration limit) {
    std::mt19937 random(seed);
    Clock::time_point now = at(0s);
    Clock::time_point link_free = now;
    std::multimap<Clock::time_point, std::function<void()>> agenda;
    while (!pacer.complete() && now < at(limit)) {
      while (const auto index = pacer.next(now)) {
        link_free = std::max(link_free, now) +
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / rate));
        if (++sent > dead_after || std::uniform_real_distribution<double>(0, 1)(random) < loss) continue;
        agenda.emplace(link_free + delay, [this, &pacer, &agenda, &now, i = *index] {
          have[i] = true;
          ChunksReceived report;
          while (report.in_order < have.size() && have[report.in_order]) ++report.in_order;
          for (std::size_t k = report.in_order; k < std::min(have.size(), report.in_order + std::size_t{256}); ++k)
            if (have[k]) report.out_of_order.push_back(static_cast<std::uint32_t>(k + 1));
          agenda.emplace(now + delay, [&pacer, &now, report] { pacer.received(report, now); });
        });
      }
      const auto wake = pacer.next_wakeup();
      if (!agenda.empty() && agenda.begin()->first <= wake) {
        now = std::max(now, agenda.begin()->first);
        const auto act = agenda.begin()->second;
        agenda.erase(agenda.begin());
        act();
      } else {
        BOOST_REQUIRE((wake < Clock::time_point::max()));
        now = std::max(now, wake);
        pacer.on_timer(now);
      }
    }
    took = now - at(0s);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resumable_transfer, V3)

BOOST_AUTO_TEST_CASE(messages_are_those_of_the_vectors) {
  const auto resumable = message("UpdateStart resumable");
  transfer::UpdateStart start;
  start.file_size = 1300;
  start.chunk_size = 512;
  start.sha256 = hex(v["file_sha256"]);
  BOOST_TEST(as(transfer::update_start(start), resumable) == to_hex(coap::encode(resumable)));
  start.module_function = 9;
  const auto asset = message("UpdateStart with module function 9");
  BOOST_TEST(as(transfer::update_start(start), asset) == to_hex(coap::encode(asset)));

  const auto file = hex(v["file_hex"]);
  const auto third = message("UpdateChunk 3");
  BOOST_TEST(as(transfer::update_chunk(3, ByteView(file).subspan(1024)), third) == to_hex(coap::encode(third)));
  const auto finish = message("UpdateFinish");
  BOOST_TEST(as(transfer::update_finish(), finish) == to_hex(coap::encode(finish)));
}

BOOST_AUTO_TEST_CASE(what_a_device_says_is_read) {
  const auto fresh = transfer::parse_started(message("UpdateStart response from offset 0"));
  BOOST_REQUIRE(fresh.has_value());
  BOOST_TEST(fresh->window == 256u);
  BOOST_TEST(fresh->offset == 0u);
  BOOST_TEST(transfer::parse_started(message("UpdateStart response resumed at 512"))->offset == 512u);
  BOOST_TEST(!transfer::parse_started(message("UpdateStart ack")).has_value());

  using Indices = std::vector<std::uint32_t>;
  const auto plain = transfer::parse_chunks_received(message("UpdateAck cumulative 2, no gaps"));
  BOOST_TEST(plain->in_order == 2u);
  BOOST_TEST(plain->out_of_order.empty());
  const auto gaps = transfer::parse_chunks_received(message("UpdateAck cumulative 10"));
  BOOST_TEST(gaps->in_order == 10u);
  BOOST_TEST(gaps->out_of_order == (Indices{12, 13, 15, 44}), boost::test_tools::per_element());
  BOOST_TEST(transfer::parse_chunks_received(message("UpdateAck cumulative 70000"))->in_order == 70'000u);
  BOOST_TEST(transfer::error_words(message("UpdateStart error as separate CON response")) ==
      "updates are disabled on the device (-1380): Firmware updates are disabled");
  auto cut = message("UpdateStart error as separate CON response");
  cut.payload.resize(30);
  BOOST_TEST(transfer::error_words(cut) == "updates are disabled on the device (-1380)");
}

BOOST_DATA_TEST_CASE(every_chunk_arrives_whatever_is_lost, boost::unit_test::data::xrange(1u, 9u), seed) {
  Pipe pipe;
  pipe.seed = seed;
  pipe.loss = 0.05 * (seed % 5);
  ChunkPacer pacer(pipe.chunks, 256, at(0s));
  pipe.run(pacer, 10min);
  BOOST_TEST(pacer.complete());
  BOOST_TEST(pacer.sent() < 2 * pipe.chunks);
}

BOOST_AUTO_TEST_CASE(without_loss_nothing_is_sent_twice_and_the_link_is_full) {
  for (const double rate : {5.0, 100.0, 2'000.0}) {
    Pipe pipe;
    pipe.rate = rate;
    ChunkPacer pacer(pipe.chunks, 256, at(0s));
    pipe.run(pacer, 1h);
    BOOST_TEST(pacer.sent_again() == 0u);
    const auto ideal = static_cast<double>(pipe.chunks) / rate + 0.2;
    BOOST_TEST(std::chrono::duration<double>(pipe.took).count() < ideal * 1.3 + 0.8);
  }
}

BOOST_AUTO_TEST_CASE(into_a_dead_link_only_single_chunks_are_sent) {
  Pipe pipe;
  pipe.dead_after = 100;
  ChunkPacer pacer(pipe.chunks, 256, at(0s));
  pipe.run(pacer, 4min);
  BOOST_TEST(!pacer.complete());
  BOOST_TEST(pacer.sent() < 100u + 80u + 30u);  // what was under way, and one every 16 s in the end
  BOOST_TEST((pacer.last_progress_at() < at(10s)));
}

BOOST_AUTO_TEST_CASE(the_devices_window_is_never_exceeded) {
  ChunkPacer pacer(1'000, 8, at(0s));
  std::size_t sent = 0;
  while (pacer.next(at(0s))) ++sent;
  BOOST_TEST(sent == 8u);
}

BOOST_AUTO_TEST_CASE(a_report_about_chunks_that_were_never_sent_changes_nothing) {
  ChunkPacer pacer(100, 256, at(0s));
  (void)pacer.next(at(0s));
  ChunksReceived report;
  report.in_order = 90;
  report.out_of_order = {95, 200, 4'000'000'000U};
  pacer.received(report, at(1s));
  BOOST_TEST(pacer.in_order() == 1u);
  BOOST_TEST(!pacer.complete());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(coap_reliability)

BOOST_AUTO_TEST_CASE(a_message_is_sent_four_times_and_then_given_up) {
  coap::Reliability reliability;
  auto message = coap::request(coap::Type::confirmable, coap::Code::get, "d");
  message.id = 7;
  reliability.sent(message, coap::encode(message), at(0s), 0);
  std::vector<Clock::duration> times;
  bool given_up = false;
  for (auto now = at(0s); !given_up; now = reliability.next()) {
    const auto due = reliability.due(now);
    given_up = due.given_up;
    for (const auto& bytes : due.send_again) {
      BOOST_TEST(bytes == coap::encode(message));
      times.push_back(now - at(0s));
    }
    if (given_up) BOOST_TEST((now - at(0s) == 60s));
  }
  BOOST_TEST((times == std::vector<Clock::duration>{4s, 12s, 28s}));
  BOOST_TEST((reliability.next() == Clock::time_point::max()));
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_or_a_response_ends_the_repetition) {
  auto request = coap::request(coap::Type::confirmable, coap::Code::get, "d");
  request.id = 7;
  request.token = coap::Token(9);
  coap::Message response;
  response.code = coap::Code::content;
  response.id = 100;
  response.token = request.token;
  for (const auto& answer : {coap::empty_acknowledgement(7), response}) {
    coap::Reliability reliability;
    reliability.sent(request, coap::encode(request), at(0s), 0.5);
    (void)reliability.received(coap::empty_acknowledgement(8), at(1s));
    BOOST_TEST(reliability.unacknowledged() == 1u);
    (void)reliability.received(answer, at(1s));
    BOOST_TEST(reliability.unacknowledged() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(what_comes_twice_is_handled_once_and_answered_twice_for_45_seconds) {
  coap::Reliability reliability;
  auto request = coap::request(coap::Type::confirmable, coap::Code::get, "t");
  request.id = 5;
  BOOST_TEST(reliability.received(request, at(0s)).handle);
  BOOST_TEST(reliability.received(request, at(1s)).answer_again.empty());  // not answered yet: it will be
  const auto answer = coap::piggybacked(request, coap::Code::content);
  reliability.sent(answer, coap::encode(answer), at(2s), 0);
  const auto again = reliability.received(request, at(44s));
  BOOST_TEST(!again.handle);
  BOOST_TEST(again.answer_again == coap::encode(answer));
  BOOST_TEST(reliability.received(request, at(46s)).handle);  // another message by now
}

BOOST_AUTO_TEST_CASE(who_answers_quickly_is_asked_again_sooner) {
  coap::Reliability reliability(true);
  coap::Message ping;
  ping.id = 1;
  reliability.sent(ping, coap::encode(ping), at(0s), 0);
  (void)reliability.received(coap::empty_acknowledgement(1), at(100ms));
  ping.id = 2;
  reliability.sent(ping, coap::encode(ping), at(1s), 0);
  BOOST_TEST((reliability.next() == at(2s)));
}

// A message that was thrown away before anybody looked at it must not be lost when it is sent again.
BOOST_AUTO_TEST_CASE(what_was_not_handled_is_new_when_it_comes_again) {
  coap::Reliability reliability;
  auto message = coap::request(coap::Type::confirmable, coap::Code::post, "E");
  message.id = 7;
  BOOST_TEST(reliability.received(message, at(0s)).handle);
  BOOST_TEST(!reliability.received(message, at(1s)).handle);
  reliability.not_handled(message);
  BOOST_TEST(reliability.received(message, at(2s)).handle);
  const auto answer = coap::empty_acknowledgement(7);
  reliability.sent(answer, coap::encode(answer), at(2s), 0);
  reliability.not_handled(message);  // it was
  BOOST_TEST(!reliability.received(message, at(3s)).handle);
}

BOOST_AUTO_TEST_SUITE_END()
