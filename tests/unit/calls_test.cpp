// What is asked of a device, as bytes and as a small state machine; the forms and events around it.
#include "device/calls.hpp"
#include "device/messages.hpp"
#include "support/data.hpp"
#include "web/event_log.hpp"
#include "web/multipart.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace std::chrono_literals;
using coap::Code;
using coap::Message;
using coap::Type;

namespace {

const auto noon = Clock::time_point(12h);

struct Asked {
  std::vector<Result<Message>> answers;  // outlives the calls, which end with an answer
  device::Calls calls;

  Result<void> ask(Clock::time_point deadline = noon + 20s) {
    device::Call call;
    call.request = device::function_request("led", "on");
    call.deadline = deadline;
    call.done = [this](Result<Message> answer) { answers.push_back(std::move(answer)); };
    return calls.submit(std::move(call));
  }
  static Message response(std::uint8_t token, std::int32_t value) {
    Message message;
    message.type = Type::non_confirmable;
    message.code = Code::changed;
    message.token = coap::Token(token);
    put_be32(message.payload, static_cast<std::uint32_t>(value));
    return message;
  }
};

Message answer(Code code, const Bytes& payload) {
  Message message;
  message.code = code;
  message.payload = payload;
  return message;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(device_calls, Asked)

BOOST_AUTO_TEST_CASE(answers_find_their_calls_by_token_in_any_order) {
  BOOST_TEST(ask().has_value());
  BOOST_TEST(ask().has_value());
  BOOST_TEST((calls.take(1, coap::Token(7))->token == coap::Token(7)));
  BOOST_TEST(calls.take(2, coap::Token(8))->id == 2);
  BOOST_TEST(!calls.take(3, coap::Token(9)));
  BOOST_TEST(calls.uses(coap::Token(8)));
  BOOST_TEST(calls.respond(response(8, -2), true));
  BOOST_TEST(!calls.respond(response(8, -2), true));  // once
  BOOST_TEST(!calls.respond(response(9, 0), true));
  BOOST_TEST(!calls.respond(coap::empty_acknowledgement(1), true));
  // Over UDP an acknowledgement is that of its request alone; over TCP devices give it an id of their own.
  auto acknowledgement = response(7, 5);
  acknowledgement.type = Type::acknowledgement;
  acknowledgement.id = 99;
  BOOST_TEST(!calls.respond(acknowledgement, false));
  BOOST_TEST(calls.respond(acknowledgement, true));
  BOOST_REQUIRE(answers.size() == 2u);
  BOOST_TEST(*device::function_result(*answers[0]) == -2);
  BOOST_TEST(*device::function_result(*answers[1]) == 5);
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_is_known_once) {
  BOOST_TEST(ask().has_value());
  (void)calls.take(1, coap::Token(7));
  BOOST_TEST(!calls.acknowledge(coap::empty_acknowledgement(2)));
  BOOST_TEST(calls.acknowledge(coap::empty_acknowledgement(1)));
  BOOST_TEST(!calls.acknowledge(coap::empty_acknowledgement(1)));
  BOOST_TEST(!calls.acknowledge(response(7, 5)));
  BOOST_TEST(calls.respond(response(7, 5), true));
}

BOOST_AUTO_TEST_CASE(what_is_not_answered_ends_with_its_reason) {
  BOOST_TEST(ask(noon + 1s).has_value());
  BOOST_TEST(ask(noon + 2s).has_value());
  (void)calls.take(1, coap::Token(1));
  BOOST_TEST((calls.next_deadline() == noon + 1s));
  calls.expire(noon + 1s);
  BOOST_REQUIRE(answers.size() == 1u);
  BOOST_TEST((answers[0].error().kind == ErrorKind::timed_out));
  BOOST_TEST(!calls.respond(response(1, 0), true));  // too late
  calls.fail_all({ErrorKind::conflict, "updated"});
  BOOST_TEST((answers.at(1).error().kind == ErrorKind::conflict));
  BOOST_TEST(!calls.waiting());
  BOOST_TEST((calls.next_deadline() == Clock::time_point::max()));
}

BOOST_AUTO_TEST_CASE(a_reset_refuses_by_its_id_and_too_many_are_not_taken) {
  BOOST_TEST(ask().has_value());
  (void)calls.take(77, coap::Token(1));
  Message reset;
  reset.type = Type::reset;
  reset.id = 77;
  BOOST_TEST(calls.respond(reset, true));
  BOOST_TEST((answers.at(0).error().kind == ErrorKind::refused));
  for (std::size_t i = 0; i < limits::calls_per_device; ++i) BOOST_TEST(ask().has_value());
  BOOST_TEST((ask().error().kind == ErrorKind::rate_limited));
}

BOOST_AUTO_TEST_CASE(who_asks_anew_while_being_answered_is_heard) {
  device::Call call;
  call.request = device::variable_request("t");
  call.deadline = noon;
  call.done = [this](Result<Message>) { BOOST_TEST(ask().has_value()); };
  BOOST_TEST(calls.submit(std::move(call)).has_value());
  calls.expire(noon);
  BOOST_TEST(calls.waiting());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(application_messages)

BOOST_AUTO_TEST_CASE(variables_of_every_type_are_read) {
  using Value = device::VariableValue;
  const auto read = [](int type, const Bytes& bytes) {
    return device::variable_value(answer(Code::content, bytes), type);
  };
  BOOST_TEST((*read(1, {1}) == Value(true)));
  BOOST_TEST((*read(1, {0}) == Value(false)));
  BOOST_TEST((*read(2, {0xff, 0xff, 0xff, 0xfe}) == Value(std::int32_t{-2})));
  BOOST_TEST((*read(9, {0, 0, 0, 0, 0, 0x80, 0x35, 0x40}) == Value(21.5)));
  BOOST_TEST((*read(4, {'h', 0, 'i'}) == Value(std::string("h\0i", 3))));
  BOOST_TEST((*read(4, {}) == Value(std::string())));
  for (const auto type : {1, 2, 9, 3}) BOOST_TEST((read(type, {1, 2, 3}).error().kind == ErrorKind::malformed));
  BOOST_TEST((device::variable_value(answer(Code::not_found, {}), 2).error().kind == ErrorKind::not_found));
  BOOST_TEST((device::variable_value(answer(Code::bad_request, {}), 2).error().kind == ErrorKind::refused));
  BOOST_TEST(!device::function_result(answer(Code::changed, {1})));
  BOOST_TEST(!device::function_result(answer(Code::bad_request, {0, 0, 0, 1})));
}

BOOST_AUTO_TEST_CASE(arguments_are_as_long_as_the_release_takes) {
  BOOST_TEST(device::longest_argument(109, 6) == 64u);
  BOOST_TEST(device::longest_argument(1512, 6) == 622u);
  BOOST_TEST(device::longest_argument(3302, 6) == 864u);
  BOOST_TEST(device::longest_argument(6200, 13) == 1024u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(multipart_forms)

BOOST_AUTO_TEST_CASE(parts_are_found_with_their_names) {
  const std::string body =
      "preamble\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"/a b/\\\"c\\\".bin\"\r\n"
      "Content-Type: application/octet-stream\r\n\r\n\r\n--xy\r\n\r\n--x\r\ncontent-disposition: form-data; name=latest"
      "\r\n\r\ntrue\r\n--x\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--x--\r\n";
  const auto parts = web::parse_multipart("multipart/form-data;boundary=x", body);
  BOOST_TEST_REQUIRE(parts.has_value());
  BOOST_TEST_REQUIRE(parts->size() == 3u);
  BOOST_TEST(parts->at(0).name == "file");
  BOOST_TEST(parts->at(0).content == "\r\n--xy\r\n");
  BOOST_TEST(parts->at(1).content == "true");
  BOOST_TEST(parts->at(2).name == "empty");
  BOOST_TEST(parts->at(2).content.empty());
  BOOST_TEST(parts->at(0).filename == "/a b/\"c\".bin");
}

BOOST_AUTO_TEST_CASE(what_is_cut_off_anywhere_is_refused) {
  const std::string body =
      "--b1\r\nContent-Disposition: form-data; name=\"file\"; "
      "filename=\"a\"\r\n\r\n123\r\n--b1\r\nContent-Disposition: "
      "form-data; name=\"latest\"\r\n\r\ntrue\r\n--b1--";
  const auto whole = web::parse_multipart("multipart/form-data; boundary=\"b1\"", body);
  BOOST_TEST_REQUIRE(whole.has_value());
  BOOST_TEST_REQUIRE(whole->size() == 2u);
  BOOST_TEST(whole->at(0).content == "123");
  BOOST_TEST(whole->at(1).content == "true");
  for (std::size_t length = 0; length < body.size(); ++length)
    BOOST_TEST(!web::parse_multipart("multipart/form-data; boundary=b1", body.substr(0, length)).has_value());
  for (const auto* type :
      {"", "multipart/form-data", "multipart/form-data; boundary=", "application/json; boundary=b1"})
    BOOST_TEST(!web::parse_multipart(type, body).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(event_log)

BOOST_AUTO_TEST_CASE(a_slow_reader_loses_the_oldest_and_nobody_else_anything) {
  web::EventLog log;
  const web::EventFilter all;
  auto slow = log.end();
  auto quick = log.end();
  std::string seen;
  constexpr std::size_t many = 5'000;  // five times what is kept
  const std::string padding(2'000, 'x');
  const auto text = [&](std::size_t i) { return std::to_string(i) + padding; };
  std::size_t heard = 0;
  for (std::size_t i = 0; i < many; ++i) {
    log.append({"n", "", text(i)});
    heard += log.read(quick, all, 1) == text(i) ? 1 : 0;
  }
  BOOST_TEST(heard == many);
  const auto late = log.read(slow, all, std::size_t{1} << 30);
  BOOST_TEST(late.size() < many * padding.size() / 4);
  BOOST_TEST(late.ends_with(text(many - 1)));
  BOOST_TEST(log.read(slow, all, 1).empty());
}

BOOST_AUTO_TEST_CASE(only_what_is_wanted_is_read_and_not_more_than_enough_at_once) {
  web::EventLog log;
  for (const auto* device : {"a", "b", ""})
    for (const auto* name : {"order/1", "other", "order/2"})
      log.append({name, device, std::string(device) + name + " "});
  const web::EventFilter orders_of_a{"order/", "a"};
  std::uint64_t position = 0;
  BOOST_TEST(log.read(position, orders_of_a, 1) == "aorder/1 ");
  BOOST_TEST(log.read(position, orders_of_a, 1) == "aorder/2 ");
  BOOST_TEST(log.read(position, orders_of_a, 1) == "");
  position = 0;
  BOOST_TEST(log.read(position, {"order/", ""}, 1'000) == "aorder/1 aorder/2 border/1 border/2 order/1 order/2 ");
}

BOOST_AUTO_TEST_SUITE_END()
