// Who may do what through the page: decided by the API and the authentication alone, without a server.
#include "server/commands.hpp"
#include "store/backup.hpp"
#include "store/dtls_sessions.hpp"
#include "support/test_system.hpp"
#include "web/api.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace drydock;
using namespace drydock::testing;
using web::Request;

namespace {

const std::string good_password = "correct horse";
const auto all = web::Scopes::all();

struct Access : TestSystem {
  Access()
      : writer(store::Writer::on_loop(std::make_shared<store::Database>(database()), world.loop.get_executor())),
        bridge(world.loop, server(), *writer),
        db(database()),
        authentication(make()) {
    session = *authentication.set_up(authentication.setup_code(), good_password, web::Client("10.0.0.1"), 0);
  }
  web::Authentication make() {
    const auto persist = [this](web::Authentication::Work work) { return work(db); };
    return web::Authentication(db, world.random, persist, 0);
  }
  web::Api api(bool guests = false) {
    web::ApiOptions options;
    options.guest_read_access = guests;
    return web::Api(bridge, authentication, {folder.path(), configuration.store_url}, options);
  }
  Request request(const std::string& method, const std::string& path, std::map<std::string, std::string> headers = {}) {
    Request r;
    r.method = method;
    r.path = "/api/v1/" + path;
    r.headers = std::move(headers);
    r.headers.try_emplace("host", "pi:8080");
    r.peer = "10.0.0.1";
    return r;
  }
  std::string made_token() {
    return *authentication.make_token(web::Identity{"", "owner", web::Scopes::all()}, "t", web::Scopes::all(), 0);
  }
  std::string cookie() const { return "drydock=" + session; }
  static int status(const std::optional<web::Response>& refused) { return refused ? refused->status : 0; }

  std::unique_ptr<store::Writer> writer;
  service::LoopBridge bridge;
  store::Database db;
  web::Authentication authentication;
  std::string session;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(web_access, Access)

BOOST_AUTO_TEST_CASE(a_change_comes_from_our_page_or_with_a_token) {
  auto page = api();
  const auto token = made_token();
  using Headers = std::map<std::string, std::string>;
  const std::vector<std::pair<Headers, int>> cases{
      {{{"cookie", cookie()}, {"x-drydock", "1"}}, 0},
      {{{"cookie", cookie()}}, 403},
      {{{"cookie", cookie()}, {"x-drydock", "1"}, {"origin", "http://pi:8080"}}, 0},
      {{{"cookie", cookie()}, {"x-drydock", "1"}, {"origin", "http://evil.example"}}, 403},
      {{{"cookie", cookie()}, {"x-drydock", "1"}, {"origin", "null"}}, 403},
      {{{"cookie", cookie()}, {"authorization", "Bearer junk"}}, 403},
      {{{"authorization", "Bearer " + token}}, 0},
      {{{"authorization", "Bearer " + token + "0"}, {"x-drydock", "1"}}, 401},
      {{{"x-drydock", "1"}}, 401},
  };
  for (const auto& [headers, expected] : cases)
    BOOST_TEST(status(page.refuse(request("POST", "fleet/pause", headers))) == expected);
  BOOST_TEST(status(page.refuse(request("GET", "devices"))) == 401);
  BOOST_TEST(page.handle(request("GET", "devices")).status == 401);
  BOOST_TEST(page.handle(request("HEAD", "devices", {{"cookie", cookie()}})).status == 200);
}

BOOST_AUTO_TEST_CASE(guests_look_and_touch_nothing) {
  auto page = api(true);
  BOOST_TEST(page.handle(request("GET", "devices")).status == 200);
  BOOST_TEST(page.handle(request("GET", "tokens")).status == 403);
  BOOST_TEST(status(page.refuse(request("POST", "fleet/pause", {{"x-drydock", "1"}}))) == 403);
  BOOST_TEST(page.handle(request("POST", "fleet/pause", {{"x-drydock", "1"}})).status == 403);
  BOOST_TEST(status(page.refuse(request("POST", "login", {{"x-drydock", "1"}}))) == 0);
}

BOOST_AUTO_TEST_CASE(logins_end_in_memory_and_in_the_store) {
  const auto second = *authentication.log_in({"", good_password}, web::Client("10.0.0.1"), 0);
  BOOST_TEST(
      (authentication.change_password("wrong one", "another one", second, web::Client("10.0.0.1"), 0).error().kind ==
          ErrorKind::refused));
  BOOST_TEST(authentication.by_session(session, 0).has_value());
  BOOST_TEST(
      authentication.change_password(good_password, "another one", second, web::Client("10.0.0.1"), 0).has_value());
  BOOST_TEST(!authentication.by_session(session, 0).has_value());
  BOOST_TEST(authentication.by_session(second, 0).has_value());
  BOOST_TEST(
      (authentication.log_in({"", good_password}, web::Client("10.0.0.1"), 0).error().kind == ErrorKind::refused));
  auto again = make();
  BOOST_TEST(!again.by_session(session, 0).has_value());
  BOOST_TEST(again.by_session(second, 0).has_value());
  BOOST_TEST(authentication.log_out(second).has_value());
  BOOST_TEST(!authentication.by_session(second, 0).has_value());
  BOOST_TEST(!make().by_session(second, 0).has_value());
}

BOOST_AUTO_TEST_CASE(a_token_is_known_by_all_of_it_until_it_is_removed) {
  const auto token = made_token();
  BOOST_TEST(authentication.by_token(token, 0).has_value());
  BOOST_TEST(!authentication.by_token("another", 0).has_value());
  BOOST_TEST(!authentication.by_token("", 0).has_value());
  BOOST_TEST(authentication.remove_token(authentication.tokens().at(0).id).has_value());
  BOOST_TEST(!authentication.by_token(token, 0).has_value());
  BOOST_TEST(!make().by_token(token, 0).has_value());
}

BOOST_AUTO_TEST_CASE(a_tools_token_needs_the_password_and_ends) {
  BOOST_TEST(
      (authentication.token_for_password({"", "wrong"}, "me", all, web::Client("10.0.0.1"), 0, 1000).error().kind ==
          ErrorKind::refused));
  const auto token =
      authentication.token_for_password({"", good_password}, "me", all, web::Client("10.0.0.1"), 50, 1000)->access;
  BOOST_TEST(authentication.by_token(token, 1049).has_value());
  BOOST_TEST(make().by_token(token, 1049)->name == "me");
  BOOST_TEST(!authentication.by_token(token, 1050).has_value());
  BOOST_TEST(!make().by_token(token, 1050).has_value());
  const auto later = 2000 + web::Authentication::refresh_milliseconds;
  const auto lasting =
      authentication.token_for_password({"", good_password}, "me", all, web::Client("10.0.0.1"), later, 0)->access;
  BOOST_TEST(authentication.tokens().size() == 1u);  // the one that ended, and can be refreshed no more, is gone
  BOOST_TEST(authentication.by_token(lasting, std::int64_t{1} << 50).has_value());
  const auto made = made_token();
  const std::string new_password = "another password";
  BOOST_TEST(
      authentication.change_password(good_password, new_password, session, web::Client("10.0.0.1"), 0).has_value());
  BOOST_TEST(!authentication.by_token(lasting, 2000).has_value());
  BOOST_TEST(!make().by_token(lasting, 2000).has_value());
  BOOST_TEST(authentication.by_token(made, 2000).has_value());
}

BOOST_AUTO_TEST_CASE(a_password_is_set_up_once_and_of_some_length) {
  BOOST_TEST(
      (authentication.set_up("", good_password, web::Client("10.0.0.2"), 0).error().kind == ErrorKind::conflict));
  BOOST_TEST(!authentication.needs_setup());
  const auto code = web::reset_password(db, world.random);
  authentication.reload(db, 0);
  BOOST_TEST(authentication.needs_setup());
  BOOST_TEST(!authentication.by_session(session, 0).has_value());
  BOOST_TEST((authentication.set_up(code, "short", web::Client("10.0.0.2"), 0).error().kind == ErrorKind::malformed));
  BOOST_TEST(authentication.set_up(code, good_password, web::Client("10.0.0.2"), 0).has_value());
}

BOOST_AUTO_TEST_CASE(resetting_the_password_takes_tokens_and_browsers_along) {
  const auto token = made_token();
  const auto browser = *authentication.trust_browser("", 0);
  (void)web::reset_password(db, world.random);
  auto again = make();
  BOOST_TEST(!again.by_token(token, 0).has_value());
  BOOST_TEST(!again.is_trusted(browser, ""));
}

// Unknown clients behind the same address lock out each other, and not the browser that was in before.
BOOST_AUTO_TEST_CASE(a_browser_is_known_by_its_cookie_and_by_no_other) {
  const auto browser = *authentication.trust_browser("", 0);
  BOOST_TEST(!authentication.is_trusted("made up", ""));
  BOOST_TEST(!authentication.is_trusted("", ""));
  BOOST_TEST(authentication.is_trusted(browser, ""));
  const web::Client known("10.0.0.9", browser);
  for (int i = 0; i < 3; ++i) BOOST_TEST(!authentication.log_in({"", "guess"}, web::Client("10.0.0.9"), 0).has_value());
  BOOST_TEST(
      (authentication.log_in({"", good_password}, web::Client("10.0.0.9"), 0).error().kind == ErrorKind::rate_limited));
  BOOST_TEST(authentication.log_in({"", good_password}, known, 0).has_value());
}

BOOST_AUTO_TEST_CASE(many_addresses_do_not_make_a_locked_one_forgotten) {
  for (int i = 0; i < 8; ++i) (void)authentication.log_in({"", "guess"}, web::Client("10.0.0.9"), i * 100'000);
  const auto locked = authentication.locked_for("", {"10.0.0.9"}, 700'000);
  BOOST_TEST(locked > 0);
  // The set-up code of one that is set up costs no hash, and counts the same way.
  const auto code = web::reset_password(db, world.random);
  authentication.reload(db, 0);
  for (int i = 0; i < 1'200; ++i)
    (void)authentication.set_up(
        "aaaa", good_password, "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250), 700'000);
  BOOST_TEST(authentication.locked_for("", {"10.0.0.9"}, 700'000) == locked);
  (void)code;
}

BOOST_AUTO_TEST_CASE(who_asks_is_what_trusted_proxies_say_and_nobody_else) {
  auto r = request("GET", "devices", {{"x-forwarded-for", "10.1.1.1, 10.2.2.2"}});
  r.peer = "127.0.0.1";
  BOOST_TEST(web::client_address(r, {}) == "127.0.0.1");
  BOOST_TEST(web::client_address(r, {"127.0.0.1"}) == "10.2.2.2");
  BOOST_TEST(web::client_address(r, {"127.0.0.1", "10.2.2.2"}) == "10.1.1.1");
  r.headers["x-forwarded-for"] = "nonsense";
  BOOST_TEST(web::client_address(r, {"127.0.0.1"}) == "127.0.0.1");
  BOOST_TEST(web::is_own_host("192.168.1.2:8080", {}));
  BOOST_TEST(web::is_own_host("[::1]:8080", {}));
  BOOST_TEST(web::is_own_host("drydock.local", {}));
  BOOST_TEST(web::is_own_host("PI", {}));
  BOOST_TEST(!web::is_own_host("evil.example", {}));
  BOOST_TEST(!web::is_own_host("local.evil.example:80", {}));
  BOOST_TEST(!web::is_own_host("", {}));
  BOOST_TEST(web::is_own_host("Drydock.example.org:443", {"drydock.example.org"}));
}

// People's decisions, as the store keeps them.
BOOST_AUTO_TEST_CASE(forgetting_those_who_wait_leaves_the_others) {
  for (const auto& [id, approval] : {std::pair("000000000000000000000001", "approved"),
           std::pair("000000000000000000000002", "pending"), std::pair("000000000000000000000003", "refused")}) {
    store::DeviceRow row;
    row.id = id;
    row.approval = approval;
    row.public_key = {1};
    store::add_device(db, row);
    store::append_history(db, {0, id, "k", "w"});
  }
  BOOST_TEST(server::commands::forget_pending(db) == 1);
  BOOST_TEST(store::load_devices(db).size() == 2u);
  BOOST_TEST(store::recent_history(db, "", 10).size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_backup_holds_no_session_and_a_module_of_another_platform_is_no_target) {
  store::DtlsSessionRow session_row;
  session_row.id = Bytes(8, 1);
  session_row.device_id = std::string(24, '0');
  session_row.keys = Bytes(40, 2);
  session_row.client_key = {3};
  session_row.hello_payload = {4};
  session_row.reserved = 2'000;
  session_row.received_next = 500;
  store::save_dtls_session(db, session_row, 0);
  // Numbers never go back, and a device has one session.
  session_row.reserved = 1'000;
  session_row.received_next = 400;
  store::save_dtls_session(db, session_row, 0);
  auto taken = store::load_and_reserve_dtls_sessions(db, 10);
  BOOST_REQUIRE(taken.size() == 1u);
  BOOST_TEST(taken[0].reserved == 2'000u);
  BOOST_TEST(taken[0].received_next == 500u);
  session_row.id = Bytes(8, 9);
  store::save_dtls_session(db, session_row, 0);
  BOOST_TEST(store::load_and_reserve_dtls_sessions(db, 10).size() == 1u);

  const auto file = folder.path() / "copy";
  {
    store::NewBackup backup(db, file);
    backup.finish();
  }
  SQLite::Database copy(file.string());
  BOOST_TEST(copy.execAndGet("SELECT count(*) FROM dtls_sessions").getInt() == 0);

  add_firmware(module_for(13, 4, 1, 6200), "boron.bin");
  store::DeviceRow photon;
  photon.id = std::string(24, '1');
  photon.platform = 6;
  photon.public_key = {1};
  store::add_device(db, photon);
  BOOST_TEST((server::commands::add_target(db, photon, "boron.bin").error().kind == ErrorKind::conflict));
}

BOOST_AUTO_TEST_SUITE_END()
