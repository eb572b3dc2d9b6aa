#include "transport/proxy_protocol.hpp"

#include <boost/test/unit_test.hpp>

using namespace drydock;
using transport::proxy_source;

namespace {

Bytes header(const std::string& behind_signature) {
  return *from_hex("0d0a0d0a000d0a515549540a" + behind_signature);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(proxy_protocol)

// As HAProxy 2.6 sends them: 192.168.1.23:51344 and 2001:db8::17:51344 to port 5683.
BOOST_AUTO_TEST_CASE(the_source_is_what_it_says) {
  const auto v4 = proxy_source(header("2111000cc0a801170a000001c8901633"));
  BOOST_REQUIRE(v4 && *v4);
  BOOST_TEST((*v4)->address().to_string() == "192.168.1.23");
  BOOST_TEST((*v4)->port() == 51344);
  const auto v6 =
      proxy_source(header("2121002420010db800000000000000000000001720010db8000000000000000000000001c8901633"));
  BOOST_REQUIRE(v6 && *v6);
  BOOST_TEST((*v6)->address().to_string() == "2001:db8::17");
  BOOST_TEST((*v6)->port() == 51344);
}

// A CRC behind the addresses, as send-proxy-v2 with options adds.
BOOST_AUTO_TEST_CASE(what_follows_the_addresses_is_left_alone) {
  const auto source = proxy_source(header("21110013c0a801170a000001c890163303000400000000"));
  BOOST_REQUIRE(source && *source);
  BOOST_TEST((*source)->port() == 51344);
}

BOOST_AUTO_TEST_CASE(a_check_of_the_balancers_own_names_no_source) {
  const auto source = proxy_source(header("20000000"));
  BOOST_REQUIRE(source);
  BOOST_TEST(!*source);
}

BOOST_AUTO_TEST_CASE(what_is_no_header_is_refused) {
  BOOST_TEST(!proxy_source(header("2111000bc0a801170a000001c89016")));      // cut off
  BOOST_TEST(!proxy_source(header("1111000cc0a801170a000001c8901633")));    // version 1's number
  BOOST_TEST(!proxy_source(header("2111000cc0a801170a000001c890163300")));  // longer than it says
  BOOST_TEST(!transport::proxy_header_rest(header("2111ffff")));            // more than anybody needs
  BOOST_TEST(!transport::proxy_header_rest(*from_hex("00380a0b0c0d0e0f000102030405060708")));  // a device itself
  BOOST_TEST(!transport::proxy_header_rest({}));
}

BOOST_AUTO_TEST_SUITE_END()
