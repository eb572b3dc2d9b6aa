// Users, their roles, and what tokens may: decided by the APIs and the authentication alone, without a server.
#include "support/test_system.hpp"
#include "web/api.hpp"
#include "web/cloud_api.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

using namespace drydock;
using namespace drydock::testing;
using nlohmann::json;
using web::Request;
using web::Scopes;

namespace {

const std::string owners_password = "correct horse";
const web::Identity owner{"", "owner", Scopes::all()};
const std::string annas_password = "battery staple";

struct Users : TestSystem {
  Users()
      : writer(store::Writer::on_loop(std::make_shared<store::Database>(database()), world.loop.get_executor())),
        bridge(world.loop, server(), *writer),
        db(database()),
        authentication(make()),
        page(bridge, authentication, {folder.path(), configuration.store_url}, options()),
        cloud(bridge, authentication, {folder.path(), configuration.store_url}, [this] { return now; }) {
    (void)*authentication.set_up(authentication.setup_code(), owners_password, web::Client("10.0.0.1"), 0);
  }
  web::Authentication make() {
    const auto persist = [this](web::Authentication::Work work) { return work(db); };
    return web::Authentication(db, world.random, persist, 0);
  }
  web::ApiOptions options() {
    web::ApiOptions options;
    options.running = [this] { return now; };
    return options;
  }
  bool add(const std::string& name, const std::string& role, const std::string& password = annas_password) {
    return authentication.save_user(owner, name, {password, role}, 0).has_value();
  }
  static Request by_page(const std::string& session, const std::string& method, const std::string& path) {
    Request request;
    request.method = method;
    request.path = "/api/v1/" + path;
    request.headers = {{"cookie", "drydock=" + session}, {"host", "pi"}, {"x-drydock", "1"}};
    request.peer = "10.0.0.1";
    return request;
  }
  bool may(const std::string& session, const std::string& method, const std::string& path) {
    return !page.refuse(by_page(session, method, path));
  }
  web::Response call(const std::string& token, const std::string& method, const std::string& path,
      const std::string& body = "", const std::string& type = "application/x-www-form-urlencoded") {
    Request request;
    request.method = method;
    request.path = path;
    request.headers = {{"content-type", type}};
    if (!token.empty()) request.headers["authorization"] = "Bearer " + token;
    request.body = body;
    request.peer = "10.0.0.1";
    return cloud.handle(request);
  }
  json grant(const std::string& form) { return json::parse(call("", "POST", "/oauth/token", form).body); }

  std::int64_t now = 0;
  std::unique_ptr<store::Writer> writer;
  service::LoopBridge bridge;
  store::Database db;
  web::Authentication authentication;
  web::Api page;
  web::CloudApi cloud;
};

const std::string some_device = "devices/0123456789abcdef01234567";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(users, Users)

BOOST_AUTO_TEST_CASE(a_role_says_what_a_user_may) {
  BOOST_TEST(add("Vera@example.com", "viewer"));
  BOOST_TEST(add("Otto", "operator"));
  BOOST_TEST(add("Berta", "owner"));
  const auto viewer = *authentication.log_in({"vera@example.com", annas_password}, web::Client("10.0.0.1"), 0);
  const auto worker = *authentication.log_in({"OTTO", annas_password}, web::Client("10.0.0.1"), 0);
  const auto owner = *authentication.log_in({"berta", annas_password}, web::Client("10.0.0.1"), 0);
  struct Case {
    std::string method, path;
    bool viewer, worker;
  };
  const std::vector<Case> cases{
      {"GET", "devices", true, true},
      {"GET", "tokens", true, true},
      {"POST", "password", true, true},
      {"GET", "users", false, false},
      {"PUT", "users/eve", false, false},
      {"DELETE", "users/eve", false, false},
      {"PATCH", some_device, false, true},
      {"PUT", some_device + "/targets", false, true},
      {"POST", some_device + "/retry", false, true},
      {"POST", some_device + "/approve", false, false},
      {"POST", some_device + "/refuse", false, false},
      {"POST", some_device + "/forget", false, false},
      {"POST", "fleet/forget_pending", false, false},
      {"POST", "fleet/pause", false, true},
      {"POST", "firmware", false, true},
      {"DELETE", "firmware/00", false, true},
  };
  for (const auto& c : cases) {
    BOOST_TEST_CONTEXT(c.method << " " << c.path) {
      BOOST_TEST(may(viewer, c.method, c.path) == c.viewer);
      BOOST_TEST(may(worker, c.method, c.path) == c.worker);
      BOOST_TEST(may(owner, c.method, c.path));
      BOOST_TEST(!may("unknown", c.method, c.path));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_token_may_what_its_scopes_say_and_never_more_than_its_user) {
  BOOST_TEST(add("otto", "operator"));
  const auto token = [&](const std::string& scope) {
    return grant("grant_type=password&username=otto&password=battery+staple&scope=" + scope)["access_token"]
        .get<std::string>();
  };
  const auto reads = token("read");
  const auto calls = token("read+call");
  BOOST_TEST(call(reads, "GET", "/v1/devices").status == 200);
  BOOST_TEST(call(reads, "POST", "/v1/devices/events", "name=x").status == 403);
  BOOST_TEST(call(reads, "POST", "/v1/" + some_device + "/wave", "arg=1").status == 403);
  BOOST_TEST(call(calls, "PUT", "/v1/" + some_device, "name=x").status == 403);
  BOOST_TEST(
      call(calls, "PUT", "/v1/" + some_device, "{\"signal\":\"1\"}", "application/json").body.find("recognize") !=
      std::string::npos);  // let through
  BOOST_TEST(call(calls, "DELETE", "/v1/" + some_device).status == 403);
  BOOST_TEST(call(token("flash"), "GET", "/v1/devices").status == 403);
  // An operator asks for more than he has, and gets what he has.
  const auto everything = grant("grant_type=password&username=otto&password=battery+staple");
  BOOST_TEST(everything["scope"] == "read call flash");
  BOOST_TEST(call(everything["access_token"], "DELETE", "/v1/" + some_device).status == 403);
  BOOST_TEST(
      grant("grant_type=password&username=otto&password=battery+staple&scope=administer")["error"] == "invalid_scope");
  BOOST_TEST(
      grant("grant_type=password&username=otto&password=battery+staple&scope=everything")["error"] == "invalid_scope");
  // What a role may no longer, its tokens may no longer.
  BOOST_TEST(authentication.save_user(owner, "otto", {std::nullopt, "viewer"}, 0).has_value());
  BOOST_TEST(call(calls, "POST", "/v1/devices/events", "name=x").status == 403);
  BOOST_TEST(call(calls, "GET", "/v1/devices").status == 200);
  // And what it never had does not come with a better role.
  const auto looks = grant("grant_type=password&username=otto&password=battery+staple")["access_token"];
  BOOST_TEST(authentication.save_user(owner, "otto", {std::nullopt, "owner"}, 0).has_value());
  BOOST_TEST(call(looks, "DELETE", "/v1/" + some_device).status == 403);
  BOOST_TEST(authentication.remove_user(owner, "otto").has_value());
  BOOST_TEST(call(calls, "GET", "/v1/devices").status == 401);
  BOOST_TEST(!make().by_token(calls, 0).has_value());
}

BOOST_AUTO_TEST_CASE(a_refresh_token_is_good_once) {
  const auto first = grant("grant_type=password&username=me&password=correct+horse&expires_in=60&scope=read");
  now = 61'000;
  BOOST_TEST(call(first["access_token"], "GET", "/v1/devices").status == 401);
  const auto refresh =
      "grant_type=refresh_token&expires_in=60&refresh_token=" + first["refresh_token"].get<std::string>();
  const auto second = grant(refresh);
  BOOST_TEST(call(second["access_token"], "GET", "/v1/devices").status == 200);
  BOOST_TEST(call(second["access_token"], "DELETE", "/v1/" + some_device).status == 403);  // the same scopes
  BOOST_TEST(grant(refresh)["error"] == "invalid_grant");
  BOOST_TEST(grant("grant_type=refresh_token&scope=read&refresh_token=x")["error"] == "invalid_scope");
  BOOST_TEST(grant("grant_type=refresh_token&refresh_token=")["error"] == "invalid_grant");
  BOOST_TEST(grant("grant_type=refresh_token&refresh_token=" + second["access_token"].get<std::string>())["error"] ==
      "invalid_grant");
  BOOST_TEST(make().tokens().size() == 1u);
  now += 60'000 + web::Authentication::refresh_milliseconds;
  BOOST_TEST(grant("grant_type=refresh_token&refresh_token=" + second["refresh_token"].get<std::string>())["error"] ==
      "invalid_grant");
  // One that lasts needs none.
  BOOST_TEST(!grant("grant_type=password&username=me&password=correct+horse&expires_in=0").contains("refresh_token"));
}

// Who has a password of his own does not guess another's by using it in between.
BOOST_AUTO_TEST_CASE(a_right_password_does_not_forgive_wrong_ones_for_another) {
  BOOST_TEST(add("otto", "viewer"));
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(!authentication.log_in({"", "guess"}, web::Client("10.0.0.9"), 0).has_value());
    BOOST_TEST(authentication.log_in({"otto", annas_password}, web::Client("10.0.0.9"), 0).has_value());
  }
  BOOST_TEST(!authentication.log_in({"", "guess"}, web::Client("10.0.0.9"), 0).has_value());
  // For every name alike, so that nobody finds out which there are.
  for (const std::string name : {"", "otto", "nobody"})
    BOOST_TEST((authentication.log_in({name, owners_password}, web::Client("10.0.0.9"), 0).error().kind ==
        ErrorKind::rate_limited));
  // And names that nobody has are counted as the owner's, for there are as many as one likes.
  for (int i = 0; i < 3; ++i)
    (void)authentication.log_in({"nobody" + std::to_string(i), "guess"}, web::Client("10.0.0.8"), 0);
  BOOST_TEST(
      (authentication.log_in({"nobody", "guess"}, web::Client("10.0.0.8"), 0).error().kind == ErrorKind::rate_limited));
  // Nor by browsers that are known by his own name.
  const auto browser = *authentication.trust_browser("otto", 0);
  BOOST_TEST(
      (authentication.log_in({"", owners_password}, {"10.0.0.9", browser}, 0).error().kind == ErrorKind::rate_limited));
}

BOOST_AUTO_TEST_CASE(a_password_is_changed_by_its_user_or_by_the_owner) {
  BOOST_TEST(add("otto", "operator"));
  const auto session = *authentication.log_in({"otto", annas_password}, web::Client("10.0.0.1"), 0);
  const auto other = *authentication.log_in({"otto", annas_password}, web::Client("10.0.0.1"), 0);
  const auto owners = *authentication.log_in({"", owners_password}, web::Client("10.0.0.1"), 0);
  BOOST_TEST(
      authentication.change_password(annas_password, "another one", session, web::Client("10.0.0.1"), 0).has_value());
  BOOST_TEST(authentication.by_session(session, 0).has_value());
  BOOST_TEST(!authentication.by_session(other, 0).has_value());
  BOOST_TEST(authentication.by_session(owners, 0).has_value());
  BOOST_TEST(!authentication.log_in({"otto", annas_password}, web::Client("10.0.0.1"), 0).has_value());
  BOOST_TEST(make().log_in({"otto", "another one"}, web::Client("10.0.0.1"), 0).has_value());
  BOOST_TEST(authentication.log_in({"", owners_password}, web::Client("10.0.0.1"), 0).has_value());
  BOOST_TEST(authentication.save_user(owner, "OTTO", {"a third one", std::nullopt}, 0).has_value());
  BOOST_TEST(!authentication.by_session(session, 0).has_value());
  BOOST_TEST(make().log_in({"otto", "a third one"}, web::Client("10.0.0.1"), 0).has_value());
}

// Else who administers, and no more, would make himself an owner.
BOOST_AUTO_TEST_CASE(nobody_gives_more_than_he_has) {
  BOOST_TEST(add("otto", "operator"));
  const web::Identity administers{"", "a token", {web::Scope::administer}};
  BOOST_TEST(
      (authentication.save_user(administers, "eve", {annas_password, "owner"}, 0).error().kind == ErrorKind::refused));
  BOOST_TEST((authentication.save_user(administers, "otto", {annas_password, std::nullopt}, 0).error().kind ==
      ErrorKind::refused));
  BOOST_TEST((authentication.remove_user(administers, "otto").error().kind == ErrorKind::refused));
  BOOST_TEST(authentication.users().size() == 1u);
}

// One thread changes a password while another removes its user.
BOOST_AUTO_TEST_CASE(a_user_who_was_removed_meanwhile_does_not_come_back) {
  BOOST_TEST(add("otto", "operator"));
  auto late = make();
  const auto session = *late.log_in({"otto", annas_password}, web::Client("10.0.0.1"), 0);
  BOOST_TEST(authentication.remove_user(owner, "otto").has_value());
  BOOST_TEST(!late.change_password(annas_password, "another one", session, web::Client("10.0.0.1"), 0).has_value());
  BOOST_TEST(!late.save_user(owner, "otto", {std::nullopt, "owner"}, 0).has_value());
  BOOST_TEST(make().users().empty());
}

// Two machines have both read the same refresh token.
BOOST_AUTO_TEST_CASE(a_refresh_token_is_good_at_one_machine) {
  const auto first = grant("grant_type=password&username=me&password=correct+horse&expires_in=60");
  auto other = make();
  const auto refresh = first["refresh_token"].get<std::string>();
  BOOST_TEST(other.refresh_token(refresh, 0, 1000).has_value());
  BOOST_TEST(!authentication.refresh_token(refresh, 0, 1000).has_value());
}

BOOST_AUTO_TEST_CASE(a_token_that_is_over_can_still_be_ended) {
  const auto first = grant("grant_type=password&username=me&password=correct+horse&expires_in=60");
  now = 61'000;
  BOOST_TEST(call("", "DELETE", "/v1/access_tokens/" + first["access_token"].get<std::string>()).status == 200);
  BOOST_TEST(!authentication.refresh_token(first["refresh_token"], now, 1000).has_value());
}

BOOST_AUTO_TEST_CASE(a_read_token_calls_no_function_that_is_named_like_something_else) {
  const auto reads =
      grant("grant_type=password&username=me&password=correct+horse&scope=read")["access_token"].get<std::string>();
  for (const auto* path : {"/ping", "/update", "/last", "/events"}) {
    BOOST_TEST(call(reads, "POST", "/v1/" + some_device + path, "arg=1").status == 403);
    BOOST_TEST(call(reads, "POST", "/v1/products/1/" + some_device + path, "arg=1").status == 403);
  }
  BOOST_TEST(call(reads, "PUT", "/v1/" + some_device + "/ping").body.find("recognize") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_a_user_cannot_be) {
  const std::vector<std::array<std::string, 3>> bad{{"", "viewer", annas_password}, {"owner", "viewer", annas_password},
      {"a/b", "viewer", annas_password}, {" a", "viewer", annas_password}, {"a\n", "viewer", annas_password},
      {"\xff", "viewer", annas_password}, {std::string(65, 'a'), "viewer", annas_password},
      {"a", "king", annas_password}, {"a", "viewer", "short"}};
  for (const auto& [name, role, password] : bad) BOOST_TEST(!add(name, role, password));
  BOOST_TEST(!authentication.save_user(owner, "a", {annas_password, std::nullopt}, 0).has_value());
  BOOST_TEST(!authentication.save_user(owner, "a", {std::nullopt, "viewer"}, 0).has_value());
  BOOST_TEST(authentication.users().empty());
}

BOOST_AUTO_TEST_CASE(everybody_sees_and_ends_his_own_tokens) {
  BOOST_TEST(add("otto", "operator"));
  const auto otto =
      *authentication.by_session(*authentication.log_in({"otto", annas_password}, web::Client("10.0.0.1"), 0), 0);
  const auto session = *authentication.log_in({"otto", annas_password}, web::Client("10.0.0.1"), 0);
  const auto owners = *authentication.make_token(web::Identity{"", "owner", Scopes::all()}, "mine", Scopes::all(), 0);
  const auto made = *authentication.make_token(otto, "his", Scopes::all(), 0);
  BOOST_TEST(!authentication.by_token(made, 0)->scopes.has(web::Scope::administer));
  const auto owners_id = std::to_string(authentication.tokens().at(0).id);
  BOOST_TEST(page.handle(by_page(session, "DELETE", "tokens/" + owners_id)).status == 404);
  BOOST_TEST(authentication.by_token(owners, 0).has_value());
  const auto id = std::to_string(authentication.tokens().at(1).id);
  BOOST_TEST(page.handle(by_page(session, "DELETE", "tokens/" + id)).status == 204);
  BOOST_TEST(!authentication.by_token(made, 0).has_value());
}

// A tool that logs in again and again fills no memory.
BOOST_AUTO_TEST_CASE(the_oldest_tokens_of_a_tool_end) {
  const auto first = grant("grant_type=password&username=me&password=correct+horse")["access_token"].get<std::string>();
  for (std::size_t i = 0; i < limits::tokens_for_a_password; ++i) {
    BOOST_TEST(call(first, "GET", "/v1/devices").status == 200);
    (void)grant("grant_type=password&username=me&password=correct+horse");
  }
  BOOST_TEST(call(first, "GET", "/v1/devices").status == 401);
  BOOST_TEST(make().tokens().size() == limits::tokens_for_a_password);
}

BOOST_AUTO_TEST_SUITE_END()
