// What machines that share a database say to each other.
#include "server/other_nodes.hpp"

#include "support/world.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace drydock;
using namespace std::chrono_literals;

namespace {

using server::DeviceRequest;
using server::NodeAnswer;
using server::NodeMessage;

const auto some_device = *transport::DeviceId::parse("00112233445566778899aabb");

Result<device::VariableValue> there_and_back(const Result<device::VariableValue>& value) {
  const auto decoded = server::decode_node_message(server::encode({1, 2, NodeAnswer{7, value}}));
  BOOST_REQUIRE(decoded.has_value());
  return std::get<NodeAnswer>(decoded->content).result;
}

// Two machines, each with a device that answers with a number, and what is said between them.
struct TwoNodes {
  testing::SimulatedWorld world{1};
  std::vector<std::string> said;
  std::vector<std::string> heard;
  std::vector<DeviceRequest> asked;
  server::OtherNodes first{world.loop, 1, callbacks()};
  server::OtherNodes second{world.loop, 2, callbacks()};

  server::OtherNodes::Callbacks callbacks() {
    server::OtherNodes::Callbacks callbacks;
    callbacks.send = [this](std::string text) { return said.push_back(std::move(text)), true; };
    callbacks.publish = [this](const server::PublishedEvent& event) { heard.push_back(event.name); };
    callbacks.ask_device = [this](const DeviceRequest& request, server::Answered done) {
      asked.push_back(request);
      done(device::VariableValue(42));
    };
    return callbacks;
  }
  void deliver() {
    for (const auto& text : std::exchange(said, {})) {
      first.take(text);
      second.take(text);
    }
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(other_nodes)

BOOST_AUTO_TEST_CASE(every_value_and_failure_comes_back) {
  const std::string bytes("\xff\0\"\\", 4);
  for (const device::VariableValue& value : {device::VariableValue(true), device::VariableValue(-7),
           device::VariableValue(21.5), device::VariableValue(std::string("tea")), device::VariableValue(bytes)})
    BOOST_TEST((there_and_back(value) == value));
  const auto not_a_number = there_and_back(std::numeric_limits<double>::quiet_NaN());
  BOOST_TEST(std::isnan(std::get<double>(*not_a_number)));
  const auto refused = there_and_back(failure(ErrorKind::conflict, "is being updated"));
  BOOST_TEST((refused.error().kind == ErrorKind::conflict));
  BOOST_TEST(refused.error().message == "is being updated");
}

BOOST_AUTO_TEST_CASE(what_is_not_understood_is_no_message) {
  const auto whole =
      server::encode({1, 0, server::NodeQuestion{3, {DeviceRequest::Kind::read, some_device, "temperature", ""}}});
  BOOST_TEST(server::decode_node_message(whole).has_value());
  for (std::size_t length = 0; length < whole.size(); ++length)
    BOOST_TEST(!server::decode_node_message(std::string_view(whole).substr(0, length)).has_value());
  for (const char* text : {"[]", "{}", R"({"from":1,"to":2,"id":3,"ask":[9,"","",""]})",
           R"({"from":1,"to":2,"id":3,"value":{"string":"xyz"}})",
           R"({"from":"1","to":2,"id":3,"value":{"bool":true}})"})
    BOOST_TEST(!server::decode_node_message(text).has_value(), text);
}

BOOST_FIXTURE_TEST_CASE(a_question_is_answered_once_by_whom_it_is_for, TwoNodes) {
  std::vector<Result<device::VariableValue>> answers;
  const DeviceRequest request{DeviceRequest::Kind::call, some_device, "brew", "1"};
  first.ask(2, request, [&](Result<device::VariableValue> result) { answers.push_back(std::move(result)); });
  const auto question = said.front();
  deliver();
  BOOST_TEST((asked == std::vector{request}));
  const auto answer = said.front();
  deliver();
  BOOST_REQUIRE(answers.size() == 1u);
  BOOST_TEST(std::get<std::int32_t>(*answers[0]) == 42);
  first.take(answer);
  BOOST_TEST(answers.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(events_go_to_the_others_and_no_further, TwoNodes) {
  server::PublishedEvent event;
  event.name = "tick";
  first.tell(event);  // alone
  first.set_present(true);
  for (int i = 0; i < 100; ++i) first.tell(event);
  world.advance(1s);
  BOOST_TEST(said.size() >= 2u);  // more than one notification holds
  for (const auto& text : said) BOOST_TEST(text.size() <= server::longest_node_message);
  deliver();
  BOOST_TEST(heard.size() == 100u);
  BOOST_TEST(said.empty());
}

BOOST_AUTO_TEST_SUITE_END()
