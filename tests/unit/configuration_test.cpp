// The configuration file: what it says by default, and what a mistake in it is answered with.
#include "state/configuration.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using state::Policy;
using namespace std::chrono_literals;

namespace {

std::string problem(std::string_view text) {
  const auto parsed = state::parse_configuration(text, "drydock.toml");
  return parsed ? "" : parsed.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(configuration)

BOOST_AUTO_TEST_CASE(the_printed_default_configuration_is_the_default) {
  const auto text = state::default_configuration_text();
  BOOST_TEST(problem(text) == "");
  // Also with every option switched on.
  std::string all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    all += (line.starts_with("#") && line.find(" = ") != std::string::npos && line[1] != ' ' ? line.substr(1) : line) +
        "\n";
  const auto parsed = state::parse_configuration(all, "drydock.toml");
  BOOST_REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().message));
  const state::Configuration usual;
  BOOST_TEST(parsed->state_folder == usual.state_folder);
  BOOST_TEST(parsed->address == usual.address);
  BOOST_TEST(parsed->tcp_port == usual.tcp_port);
  BOOST_TEST((parsed->policy == usual.policy));
  BOOST_TEST(parsed->concurrent_updates == usual.concurrent_updates);
  BOOST_TEST(parsed->fast_ota == usual.fast_ota);
  BOOST_TEST((parsed->log_level == usual.log_level));
}

BOOST_AUTO_TEST_CASE(links_are_made_from_an_address_without_its_end) {
  BOOST_TEST(state::parse_configuration("[web]\nurl = \"https://h/\"\n", "f")->web.url == "https://h");
  BOOST_TEST(state::parse_configuration("[mqtt]\nhost = \"::1\"\n", "f")->mqtt.host == "::1");
}

BOOST_AUTO_TEST_CASE(a_wrong_configuration_says_where_and_what) {
  BOOST_TEST(problem("[listen]\ntcp_prot = 1\n") == "drydock.toml, line 2: there is no option 'listen.tcp_prot'");
  BOOST_TEST(problem("[listen]\ntcp_port = 70000\n") ==
      "drydock.toml, line 2: 'listen.tcp_port' must be a port number, 0 to 65535");
  BOOST_TEST(problem("[devices]\npolicy = \"opne\"\n") ==
      "drydock.toml, line 2: 'devices.policy' must be \"approve\", \"open\" or \"closed\"");
  BOOST_TEST(problem("[devices\n").starts_with("drydock.toml, line 1: "));
  BOOST_TEST(problem("surprise = 1\n") == "drydock.toml, line 1: there is no option 'surprise'");
  for (const auto* wrong : {"[mqtt]\nhost = \"mqtt://h\"\n", "[mqtt]\nhost = \"h:1883\"\n",
           "[mqtt]\nevents = [\"#\"]\n", "[web]\nurl = \"h\"\n", "[web]\nurl = \"https://\"\n"})
    BOOST_TEST(problem(wrong) != "", wrong);
  BOOST_TEST((state::load_configuration("/nowhere/drydock.toml").error().kind == ErrorKind::not_found));
}

BOOST_AUTO_TEST_SUITE_END()
