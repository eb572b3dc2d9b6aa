// Transfers with a device that answers from a script: what ends them, and what never counts as delivered.
#include "support/world.hpp"
#include "transfer/chunked.hpp"
#include "transfer/chunked_messages.hpp"
#include "transfer/ota_v3.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <deque>
#include <functional>
#include <set>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;
using coap::Code;
using coap::Message;
using coap::Type;

namespace {

// Waiting costs no time but that of the clock, which jumps to the deadline when nothing is there.
class Script final : public transfer::UpdateChannel {
public:
  bool over_tcp = true;
  std::function<void(Script&, const Message&)> answer = [](Script&, const Message&) {};
  std::deque<Message> inbox;
  bool closed = false;
  std::vector<Message> sent;

  std::uint16_t next_message_id() override { return ++id_; }
  coap::Token next_token() override { return coap::Token(++token_); }
  asio::awaitable<Result<void>> send(const Message& message, bool) override {
    sent.push_back(message);
    answer(*this, message);
    co_return Result<void>{};
  }
  asio::awaitable<Result<Message>> receive_update_message(Clock::time_point deadline) override {
    if (!inbox.empty()) {
      auto message = std::move(inbox.front());
      inbox.pop_front();
      co_return message;
    }
    if (closed) co_return failure(ErrorKind::closed, "the connection was closed");
    Clock::manual_now = std::max(Clock::manual_now, deadline);
    co_return failure(ErrorKind::timed_out, "nothing came in time");
  }
  bool reliable() const override { return over_tcp; }
  std::size_t unacknowledged() const override { return 0; }

  void reply(const Message& to, Code code, Bytes payload = {}) {
    auto message = coap::piggybacked(to, code);
    message.payload = std::move(payload);
    inbox.push_back(message);
  }
  void misses(std::vector<std::uint16_t> indices) {
    auto message = coap::request(Type::non_confirmable, Code::get, "c");
    for (const auto index : indices) put_be16(message.payload, index);
    inbox.push_back(message);
  }
  std::size_t count(Code code, const std::string& path) const {
    return static_cast<std::size_t>(
        std::count_if(sent.begin(), sent.end(), [&](const Message& m) { return m.code == code && m.path() == path; }));
  }

private:
  std::uint16_t id_ = 0;
  std::uint8_t token_ = 0;
};

bool is_begin(const Message& m) {
  return m.code == Code::post && m.path() == "u";
}
bool is_done(const Message& m) {
  return m.code == Code::put && m.path() == "u";
}

std::uint16_t index_of(const Message& chunk) {
  std::vector<Bytes> queries;
  for (const auto& o : chunk.options)
    if (o.number == coap::option::uri_query) queries.push_back(o.value);
  return get_be16(queries.at(1), 0);
}

struct Scripted {
  SimulatedWorld world;
  Script script;
  Bytes image = Bytes(5'000, 7);
  Result<transfer::Delivery> outcome = failure(ErrorKind::internal, "did not end");

  void chunked(bool fast = true, std::uint16_t chunk_size = 512) {
    world.spawn([&, fast, chunk_size]() -> asio::awaitable<void> {
      transfer::ChunkedOptions options;
      options.offer_fast = fast;
      options.chunk_size = chunk_size;
      const transfer::Progress progress = [](std::size_t) {};
      outcome = co_await transfer::send_chunked(script, image, options, progress);
    });
    world.run_until_idle();
  }
  void resumable() {
    world.spawn([&]() -> asio::awaitable<void> {
      const transfer::OtaV3Options options;
      const transfer::Progress progress = [](std::size_t) {};
      outcome = co_await transfer::send_ota_v3(script, image, options, progress);
    });
    world.run_until_idle();
  }
  void started(Script& s, const Message& request, std::uint32_t offset) {
    auto response = coap::piggybacked(request, Code::created);
    response.add_uint(2053, 100);
    response.add_uint(2057, offset);
    s.inbox.push_back(response);
  }
  bool failed(ErrorKind kind, const std::string& words) const {
    return !outcome && outcome.error().kind == kind && outcome.error().message.find(words) != std::string::npos;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(scripted_transfer, Scripted)

BOOST_AUTO_TEST_CASE(a_chunk_that_arrives_damaged_every_time_ends_it) {
  script.answer = [](Script& s, const Message& m) {
    if (is_begin(m)) return s.reply(m, Code::changed, {0});
    if (s.sent.size() < 100) s.reply(m, Code::bad_request);
  };
  chunked(false);
  BOOST_TEST(failed(ErrorKind::refused, "arrives damaged every time"));
  BOOST_TEST(script.count(Code::post, "c") == 5u);
}

BOOST_AUTO_TEST_CASE(a_device_that_always_misses_the_same_chunk_is_given_up) {
  script.answer = [](Script& s, const Message& m) {
    if (is_begin(m)) return s.reply(m, Code::changed, {1});
    if (!is_done(m) || s.sent.size() > 200) return;
    s.reply(m, Code::bad_request);
    s.misses({3});
  };
  chunked();
  BOOST_TEST(failed(ErrorKind::refused, "chunk 3 again and again"));
  BOOST_TEST(script.count(Code::put, "u") <= 7u);
}

BOOST_AUTO_TEST_CASE(a_device_that_said_incomplete_and_went_away_was_not_served) {
  script.answer = [](Script& s, const Message& m) {
    if (is_begin(m)) return s.reply(m, Code::changed, {1});
    if (!is_done(m)) return;
    s.reply(m, Code::bad_request);
    s.closed = true;
  };
  chunked();
  BOOST_TEST(failed(ErrorKind::closed, ""));
}

BOOST_AUTO_TEST_CASE(a_device_that_went_away_behind_update_done_has_confirmed_nothing) {
  script.answer = [](Script& s, const Message& m) {
    if (is_begin(m)) return s.reply(m, Code::changed, {1});
    s.closed = is_done(m);
  };
  chunked();
  BOOST_REQUIRE(outcome.has_value());
  BOOST_TEST(!outcome->confirmed);
}

// Over UDP that is no delivery at all, whatever had arrived.
BOOST_AUTO_TEST_CASE(over_udp_a_session_that_ends_is_no_delivery) {
  script.over_tcp = false;
  script.answer = [](Script& s, const Message& m) {
    if (is_begin(m)) return s.reply(m, Code::changed, {1});
    s.closed = is_done(m);
  };
  chunked();
  BOOST_TEST(failed(ErrorKind::closed, ""));
}

BOOST_AUTO_TEST_CASE(over_udp_what_is_missed_counts_before_and_without_the_answer_to_update_done) {
  script.over_tcp = false;
  std::set<std::uint16_t> have;
  script.answer = [&](Script& s, const Message& m) {
    if (is_begin(m)) return s.reply(m, Code::changed, {1});
    if (m.path() == "c") {
      const auto index = index_of(m);
      if (index != 2 || s.count(Code::put, "u") > 0) have.insert(index);  // the third is lost the first time
      return;
    }
    std::vector<std::uint16_t> missing;
    for (std::uint16_t i = 0; i < 10; ++i)
      if (!have.contains(i)) missing.push_back(i);
    if (missing.empty()) return s.reply(m, Code::changed, {'{', '"', 'r', '"', ':', '0', '}'});
    s.misses(missing);  // its 4.00 is lost every time
  };
  chunked();
  BOOST_REQUIRE(outcome.has_value());
  BOOST_TEST(outcome->confirmed);
  BOOST_TEST(have.size() == 10u);
}

// Every copy of one chunk gets lost six times: who asks for it gets it at once each time, not after growing pauses.
BOOST_AUTO_TEST_CASE(over_udp_what_is_asked_for_again_is_sent_again_at_once) {
  script.over_tcp = false;
  std::set<std::uint16_t> have;
  int lost = 0;
  script.answer = [&](Script& s, const Message& m) {
    if (is_begin(m)) return s.reply(m, Code::changed, {1});
    if (m.path() == "c") {
      const auto index = index_of(m);
      if (index != 4 || ++lost > 6) have.insert(index);
    }
    if (!is_done(m)) return;
    BOOST_TEST((m.type == Type::non_confirmable));
    if (have.size() == 10) return s.reply(m, Code::changed);
    s.reply(m, Code::bad_request);
    std::vector<std::uint16_t> missing;
    for (std::uint16_t i = 0; i < 10; ++i)
      if (!have.contains(i)) missing.push_back(i);
    s.misses(missing);
  };
  const auto began = Clock::now();
  chunked();
  BOOST_REQUIRE(outcome.has_value());
  BOOST_TEST(lost >= 7);
  BOOST_TEST((Clock::now() - began < 10s));
}

BOOST_AUTO_TEST_CASE(over_udp_a_reset_says_that_the_device_lost_the_update) {
  script.over_tcp = false;
  script.answer = [](Script& s, const Message& m) {
    if (is_begin(m)) return s.reply(m, Code::changed, {1});
    if (!is_done(m)) return;
    Message reset;
    reset.type = Type::reset;
    reset.id = m.id;
    s.inbox.push_back(reset);
  };
  chunked();
  BOOST_TEST(failed(ErrorKind::session_restarted, "lost the update"));
}

BOOST_AUTO_TEST_CASE(over_tcp_what_a_device_misses_unasked_is_no_answer_to_update_done) {
  script.answer = [](Script& s, const Message& m) {
    if (is_begin(m)) return s.reply(m, Code::changed, {1});
    if (!is_done(m)) return;
    s.misses({0});
    s.reply(m, Code::changed);
  };
  chunked();
  BOOST_REQUIRE(outcome.has_value());
  BOOST_TEST(outcome->resent == 0u);
  BOOST_TEST(script.count(Code::put, "u") == 1u);
}

BOOST_AUTO_TEST_CASE(a_file_of_too_many_chunks_is_not_begun) {
  image.resize(65'535);
  chunked(true, 1);
  BOOST_TEST(failed(ErrorKind::refused, "too many chunks"));
  BOOST_TEST(script.sent.empty());
  auto missed = coap::request(Type::non_confirmable, Code::get, "c");
  for (const std::uint16_t index : {3, 10, 11}) put_be16(missed.payload, index);
  BOOST_TEST(transfer::missed_chunks(missed, 10).size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_offset_beyond_the_file_is_refused) {
  script.answer = [this](Script& s, const Message& m) {
    if (m.path() == "S") started(s, m, 5'001);
  };
  resumable();
  BOOST_TEST(failed(ErrorKind::refused, "cannot be understood"));
}

BOOST_AUTO_TEST_CASE(a_device_that_stops_answering_is_given_up_after_four_minutes) {
  script.answer = [this](Script& s, const Message& m) {
    if (m.path() == "S") started(s, m, 0);
  };
  const auto began = Clock::now();
  resumable();
  BOOST_TEST(failed(ErrorKind::timed_out, "stopped answering"));
  BOOST_TEST((Clock::now() - began >= 240s && Clock::now() - began < 300s));
}

BOOST_AUTO_TEST_CASE(a_device_that_acknowledges_a_chunk_now_and_then_is_given_up_in_the_end) {
  image.resize(100'000);
  std::uint32_t acknowledged = 0;
  script.answer = [&](Script& s, const Message& m) {
    if (m.path() == "S") return started(s, m, 0);
    if (m.path() != "C" || s.sent.size() > 5'000) return;
    Clock::manual_now += 100s;
    auto ack = coap::request(Type::non_confirmable, Code::post, "A");
    ack.add_uint(2049, ++acknowledged);
    s.inbox.push_back(ack);
  };
  const auto began = Clock::now();
  resumable();
  BOOST_TEST(failed(ErrorKind::timed_out, "longer than any device needs"));
  BOOST_TEST((Clock::now() - began <= transfer::transfer_timeout(image.size()) + 2'000s));
}

BOOST_AUTO_TEST_CASE(a_chunk_refused_by_a_reset_says_that_the_device_lost_the_update) {
  script.answer = [this](Script& s, const Message& m) {
    if (m.path() == "S") return started(s, m, 0);
    Message reset;
    reset.type = Type::reset;
    reset.id = m.id;
    s.inbox.push_back(reset);
  };
  resumable();
  BOOST_TEST(failed(ErrorKind::session_restarted, "lost the update"));
}

BOOST_AUTO_TEST_SUITE_END()
