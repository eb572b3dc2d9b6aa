#include "integrations/metered_socket.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

using namespace drydock;
using namespace std::chrono_literals;
using integrations::MeteredSocket;

namespace {

/// A connection whose far end is at hand.
struct Metered {
  int library = -1;
  int far = -1;
  std::unique_ptr<MeteredSocket> socket;

  Metered() {
    std::array<int, 2> pair{};
    BOOST_REQUIRE_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()), 0);
    library = pair[0];
    far = pair[1];
    socket = std::move(MeteredSocket::take_over(library).value());
  }
  ~Metered() {
    if (library >= 0) ::close(library);
    socket.reset();
    if (far >= 0) ::close(far);
  }

  /// As a library does: for as long as anything comes.
  std::string read_all(int from) const {
    std::string all;
    for (std::array<char, 4096> some{};;) {
      const auto got = ::read(from, some.data(), some.size());
      if (got <= 0) return all;
      all.append(some.data(), static_cast<std::size_t>(got));
    }
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(metered_socket)

BOOST_AUTO_TEST_CASE(what_comes_is_let_in_by_portions_and_counted) {
  Metered metered;
  std::string sent(100'000, 'x');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>('a' + i % 23);
  BOOST_REQUIRE_EQUAL(::write(metered.far, sent.data(), sent.size()), static_cast<ssize_t>(sent.size()));
  BOOST_CHECK_EQUAL(metered.read_all(metered.library), "");
  std::string had;
  while (metered.socket->exchange(false, 0ms).to_read) {
    const auto portion = metered.read_all(metered.library);
    BOOST_CHECK_LE(portion.size(), MeteredSocket::portion);
    had += portion;
    BOOST_CHECK_EQUAL(metered.socket->received(), had.size());
  }
  BOOST_CHECK(had == sent);
}

BOOST_AUTO_TEST_CASE(one_that_does_not_read_is_given_no_more) {
  Metered metered;
  const std::string sent(64 * 1024, 'x');
  for (int i = 0; i < 200; ++i) {
    while (::write(metered.far, sent.data(), sent.size()) > 0) {}
    metered.socket->exchange(false, 0ms);
  }
  BOOST_CHECK_LE(metered.socket->received(), MeteredSocket::portion);
}

BOOST_AUTO_TEST_CASE(what_is_written_goes_out_whole_though_the_far_end_is_slow) {
  Metered metered;
  std::string written;
  std::string arrived;
  const std::string some(50'000, 'y');
  for (int i = 0; i < 400 && written.size() < 4'000'000; ++i) {
    const auto took = ::write(metered.library, some.data(), some.size());
    if (took > 0) written.append(some, 0, static_cast<std::size_t>(took));
    metered.socket->exchange(true, 0ms);
    if (i % 10 == 9) arrived += metered.read_all(metered.far);
  }
  for (int i = 0; i < 1000 && arrived.size() < written.size(); ++i) {
    metered.socket->exchange(false, 0ms);
    arrived += metered.read_all(metered.far);
  }
  BOOST_CHECK_GT(written.size(), 1'000'000);
  BOOST_CHECK(arrived == written);
}

BOOST_AUTO_TEST_CASE(the_goodbye_goes_out_behind_a_library_that_has_closed) {
  Metered metered;
  BOOST_REQUIRE_EQUAL(::write(metered.library, "goodbye", 7), 7);
  ::close(std::exchange(metered.library, -1));
  metered.socket.reset();
  BOOST_CHECK_EQUAL(metered.read_all(metered.far), "goodbye");
  char more = 0;
  BOOST_CHECK_EQUAL(::read(metered.far, &more, 1), 0);  // it has ended
}

BOOST_AUTO_TEST_CASE(an_end_follows_the_last_byte_and_is_told_once) {
  Metered metered;
  BOOST_REQUIRE_EQUAL(::write(metered.far, "last", 4), 4);
  ::close(std::exchange(metered.far, -1));
  std::string had;
  for (int i = 0; i < 3 && metered.socket->exchange(false, 0ms).to_read; ++i) had += metered.read_all(metered.library);
  BOOST_CHECK_EQUAL(had, "last");
  char more = 0;
  BOOST_CHECK_EQUAL(::read(metered.library, &more, 1), 0);
}

BOOST_AUTO_TEST_CASE(a_network_that_resets_is_an_end) {
  const int dead = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);  // never connected
  auto socket = std::move(MeteredSocket::take_over(dead).value());
  BOOST_CHECK(socket->exchange(false, 0ms).to_read);
  char more = 0;
  BOOST_CHECK_EQUAL(::recv(dead, &more, 1, MSG_DONTWAIT), 0);
  ::close(dead);
}

BOOST_AUTO_TEST_SUITE_END()
