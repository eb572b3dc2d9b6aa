// What was tried decides what may be tried, and only a Describe says what became of it.
#include "planning/attempts.hpp"
#include "support/data.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(attempts)

BOOST_AUTO_TEST_CASE(a_file_sent_again_and_again_within_a_day_is_parked) {
  using planning::Permission;
  planning::Step step;
  planning::Attempts before;
  before.recent_sends = planning::max_sends - 1;
  BOOST_TEST((planning::check_attempt(step, before, 0).answer == Permission::Answer::go));
  before.recent_sends = planning::max_sends;
  const auto parked = planning::check_attempt(step, before, 0);
  BOOST_TEST((parked.answer == Permission::Answer::give_up));
  BOOST_TEST(parked.words.find("12 times within a day") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(three_attempts_with_growing_pauses_then_parked) {
  using planning::Permission;
  planning::Step step;
  step.module.version = 3;
  const std::int64_t started = 1'000'000;
  const auto ask = [&](int count, std::int64_t after) {
    return planning::check_attempt(step, {count, started, "it failed"}, started + after);
  };
  BOOST_TEST((ask(0, 0).answer == Permission::Answer::go));
  BOOST_TEST((ask(1, 59'999).answer == Permission::Answer::wait));
  BOOST_TEST(ask(1, 59'999).not_before == started + 60'000);
  BOOST_TEST((ask(1, 60'000).answer == Permission::Answer::go));
  BOOST_TEST((ask(2, 299'999).answer == Permission::Answer::wait));
  BOOST_TEST((ask(2, 300'000).answer == Permission::Answer::go));
  BOOST_TEST((ask(3, 1'000'000'000).answer == Permission::Answer::give_up));
  BOOST_TEST(ask(3, 1).words.find("tried 3 times: it failed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(only_a_describe_says_what_became_of_a_step) {
  firmware::Inventory reported;
  reported.platform = 6;
  firmware::InstalledModule part;
  part.key = {firmware::Function::system_part, 2};
  part.version = 1;
  reported.modules = {part};
  planning::InFlight step{part.key, 3, "", 1, true};
  BOOST_TEST(planning::reconcile(step, reported).words ==
      "the device took system part 2 version 3 (0.4.3) and still reports version 1");
  step.completely_sent = false;
  BOOST_TEST(planning::reconcile(step, reported).words ==
      "the connection ended before system part 2 version 3 (0.4.3) was sent completely");
  BOOST_TEST(!planning::reconcile(step, reported).counts);  // nor is the bad link
  auto without_it = reported;
  without_it.modules.clear();
  BOOST_TEST(planning::reconcile(step, without_it).words == planning::reconcile(step, reported).words);
  BOOST_TEST(!planning::reconcile(step, without_it).counts);
  // Behind a connection that ended before the device could confirm, the old version is nobody's fault.
  step.completely_sent = true;
  step.confirmed = false;
  BOOST_TEST(!planning::reconcile(step, reported).counts);
  BOOST_TEST(planning::reconcile(step, reported).words.find("before the device confirmed") != std::string::npos);
  step.confirmed = true;
  BOOST_TEST(planning::reconcile(step, reported).counts);
  reported.modules[0].version = 3;
  BOOST_TEST(planning::reconcile(step, reported).verified);
  reported.modules[0].checked = 30;
  reported.modules[0].passed = 28;
  BOOST_TEST(!planning::reconcile(step, reported).verified);
  reported.modules.clear();
  BOOST_TEST(!planning::reconcile(step, reported).verified);
  // Of user parts the hash says which one it is.
  part.key = {firmware::Function::user_part, 1};
  part.version = 3;
  part.sha256 = std::string(64, 'a');
  reported.modules = {part};
  planning::InFlight application{part.key, 3, std::string(64, 'b'), 2, true};
  BOOST_TEST(!planning::reconcile(application, reported).verified);
  application.suffix_sha256 = part.sha256;
  BOOST_TEST(planning::reconcile(application, reported).verified);
}

BOOST_AUTO_TEST_SUITE_END()
