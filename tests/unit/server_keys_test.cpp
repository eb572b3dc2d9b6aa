// The server's keys: made once, never replaced, exported as devices want them.
#include "state/server_keys.hpp"
#include "base/temporary_folder.hpp"
#include "support/data.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sys/stat.h>

using namespace drydock;
using namespace drydock::testing;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(server_keys)

BOOST_AUTO_TEST_CASE(the_server_keys_are_made_once_readable_by_nobody_else_and_never_replaced) {
  TemporaryFolder temporary;
  const state::StateFolder folder{temporary.path() / "state"};
  BOOST_REQUIRE(folder.create().has_value());
  const auto first = state::load_or_create_server_keys(folder);
  const auto second = state::load_or_create_server_keys(folder);
  BOOST_TEST(to_hex(first->tcp.public_key_spki()) == to_hex(second->tcp.public_key_spki()));
  BOOST_TEST(to_hex(first->udp.public_key_spki()) == to_hex(second->udp.public_key_spki()));
  struct stat status {};
  BOOST_REQUIRE(::stat(folder.server_key().c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 0777) == 0600u);
  BOOST_TEST((state::create_server_key(folder).error().kind == ErrorKind::conflict));
  std::filesystem::resize_file(folder.server_key(), 100);
  BOOST_TEST((state::load_or_create_server_keys(folder).error().kind == ErrorKind::malformed));
  BOOST_TEST(std::filesystem::file_size(folder.server_key()) == 100u);
}

// One byte of them is another one, and the file reads as before: a failing disk, a damaged backup.
BOOST_AUTO_TEST_CASE(a_damaged_key_is_not_taken_for_a_key) {
  const auto damaged = [](std::string pem, std::size_t at) {
    pem[at] = pem[at] == 'A' ? 'B' : 'A';
    return Bytes(pem.begin(), pem.end());
  };
  constexpr std::size_t line = 65;
  const auto rsa = crypto::RsaPrivateKey::generate(2048).to_pem();
  BOOST_TEST(crypto::RsaPrivateKey::parse(view_of(rsa)).has_value());
  const auto begin = rsa.find('\n') + 1;
  for (const std::size_t of : {2, 13, 16, 22})  // the modulus, both primes, the coefficient
    BOOST_TEST(!crypto::RsaPrivateKey::parse(damaged(rsa, begin + of * line + 20)).has_value(), of);
  const auto ec = crypto::EcPrivateKey::generate().to_pem();
  BOOST_TEST(crypto::EcPrivateKey::parse(view_of(ec)).has_value());
  for (const std::size_t at : {20, 120, 180})  // the number, and the point
    BOOST_TEST(!crypto::EcPrivateKey::parse(damaged(ec, ec.find('\n') + 1 + at)).has_value(), at);
}

// A new key beside an old one, a database or firmware would leave every device outside without a word.
BOOST_AUTO_TEST_CASE(no_key_is_made_where_something_shows_that_there_was_one) {
  const auto try_with = [](auto prepare) {
    TemporaryFolder temporary;
    const state::StateFolder folder{temporary.path() / "state"};
    (void)folder.create();
    prepare(folder);
    return state::load_or_create_server_keys(folder);
  };
  const auto refused = [](const auto& keys) {
    return !keys && keys.error().kind == ErrorKind::conflict &&
        keys.error().message.find("is missing") != std::string::npos;
  };
  BOOST_TEST(refused(try_with([](const auto& folder) { (void)state::create_udp_server_key(folder); })));
  BOOST_TEST(refused(try_with([](const auto& folder) { (void)state::create_server_key(folder); })));
  BOOST_TEST(refused(
      try_with([](const auto& folder) { (void)store::Database::open(folder.database(), store::Access::read_write); })));
  BOOST_TEST(refused(try_with(
      [](const auto& folder) { std::ofstream(folder.firmware() / (std::string(64, 'a') + ".bin")) << "module"; })));
  BOOST_TEST(try_with([](const auto&) {}).has_value());
  // Killed between the two renames of the first start.
  BOOST_TEST(try_with([](const auto& folder) {
    (void)state::load_or_create_server_keys(folder);
    std::filesystem::rename(folder.server_key(), folder.server_key().string() + ".new");
  }).has_value());
}

BOOST_AUTO_TEST_CASE(server_key_files_are_those_of_the_vectors) {
  const auto v = load_json("08_server_key_files.json");
  int compared = 0;
  for (const auto& file : v["files"]) {
    const bool tcp = file["transport"] == "tcp";
    ++compared;
    std::optional<std::uint16_t> port;
    if (!file["port"].is_null()) port = file["port"].get<std::uint16_t>();
    const auto made = state::server_key_file(tcp ? state::tcp_key_file : state::udp_key_file,
        hex(v[tcp ? "server_rsa_pub_der" : "server_ec_pub_der"]), file["host"], port);
    BOOST_REQUIRE(made.has_value());
    BOOST_TEST(to_hex(*made) == text_in(file["file"]));
  }
  BOOST_TEST(compared == 4);
  BOOST_TEST(!state::server_key_file(state::tcp_key_file, {}, std::string(64, 'h'), 1).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
