// The HTTP API below /api/v1, as web/openapi.json describes it: requests in, answers out. Called on the web server's
// threads; everything goes through the bridge, a database connection of its own, or the authentication.
#pragma once

#include "state/state_folder.hpp"
#include "base/limits.hpp"
#include "service/check.hpp"
#include "store/integrations.hpp"
#include "web/authentication.hpp"
#include "web/fleet_view.hpp"
#include "service/loop_bridge.hpp"
#include "web/metrics_page.hpp"
#include "web/http.hpp"

#include <mutex>
#include <atomic>
#include <optional>

namespace drydock::web {

struct ApiOptions {
  bool guest_read_access = false;  ///< the fleet, without logging in
  bool secure_cookie = false;      ///< the page is served over TLS
  std::string server_key;          ///< fingerprint, for people
  std::string certificate;         ///< of the page, its fingerprint; empty: it has none
  int away_days = 0;               ///< see store::away_before()
  std::function<std::vector<service::CheckLine>()> check = [] { return std::vector<service::CheckLine>{}; };
  /// Sends a message that says that it is a test. ErrorKind::not_found: it cannot be sent from here.
  std::function<Result<void>(const store::Integration&)> test_integration = [](const store::Integration&) {
    return Result<void>(failure(ErrorKind::not_found, "nothing is sent from here"));
  };
  std::function<void(std::int64_t)> hurry_integration = [](std::int64_t) {};
  std::function<nlohmann::json()> mqtt = [] { return nlohmann::json(); };  ///< MqttPublisher::status(); null: none
  std::function<void()> restore = [] {};  ///< ends the service, and begins anew with what was uploaded
  std::function<std::int64_t()> running = [] {
    return std::int64_t{0};
  };  ///< milliseconds of running time, from any thread
};

class Api {
public:
  Api(service::LoopBridge& bridge, Authentication& authentication, state::StateFolder folder, ApiOptions options)
      : bridge_(bridge),
        authentication_(authentication),
        folder_(std::move(folder)),
        readers_(folder_.location()),
        options_(std::move(options)),
        view_(bridge_, readers_, options_.away_days),
        metrics_page_(bridge_, readers_, options_.away_days) {}

  Response handle(const Request& request);

  /// Why the body of this request need not be read; nothing when it may be.
  std::optional<Response> refuse(const Request& request) const;
  /// Whether its body is a file, which goes to a file.
  static bool is_upload(const Request& request) { return longest_file(request) != 0; }
  static constexpr std::size_t longest_backup = std::size_t{1024} * 1024 * 1024;
  /// 0: it is none.
  static std::size_t longest_file(const Request& request) {
    if (request.method != "POST") return 0;
    return request.path == "/api/v1/firmware"    ? limits::module_file
        : request.path == "/api/v1/restore/file" ? longest_backup
                                                 : 0;
  }

  /// Who asks, by cookie or token; a guest where guests may look. Nothing: nobody that may come in.
  std::optional<Identity> identity(const Request& request) const;
  bool is_guest(const Request& request) const { return !known(request); }

  const FleetView& view() const { return view_; }

  /// For Prometheus, at /metrics; `streams`: of Particle's API, that are open.
  Response metrics(const Request& request, int streams) const;

private:
  std::optional<Identity> known(const Request& request) const;
  Response route(const Request& request, const Identity& identity);
  // api_access.cpp
  Response session(const Request& request) const;
  Response set_up(const Request& request);
  Response log_in(const Request& request);
  Response log_out(const Request& request);
  Response password(const Request& request);
  Response tokens(const Identity& identity) const;
  Response make_token(const Request& request, const Identity& identity);
  Response remove_token(const std::string& id, const Identity& identity);
  static Client client(const Request& request) { return {request.peer, request.cookie("drydock_browser")}; }
  Response login_response(const Request& request, const std::string& user, const Result<std::string>& session) const;
  // api_users.cpp
  Response users() const;
  Response save_user(const Request& request, const std::string& name, const Identity& identity);
  Response remove_user(const std::string& name, const Identity& identity);
  // api_devices.cpp
  Response status() const;
  Response devices(const Request& request) const;
  Response device(const std::string& id) const;
  Response plan(const Request& request, const std::string& id) const;
  Response rename(const Request& request, const std::string& id);
  Response targets(const Request& request, const std::string& id);
  Response act(const Request& request, const std::string& id, const std::string& action);
  Response replace(const Request& request, const std::string& id);
  Response act_on_all(const Request& request, const std::string& action);
  // api_keys.cpp
  // api_system.cpp
  Response system() const;
  Response check();
  Response log_lines() const;
  Response history(const Request& request) const;
  Response backup(const Request& request, const Identity& identity);
  /// The file of a backup, kept until it is restored or another one comes.
  Response keep_backup(const Request& request);
  Response restore(const Request& request, const Identity& identity);
  /// Nothing: it is this user's password.
  std::optional<Response> ask_password(const Request& request, const Identity& identity);
  Response keys() const;
  Response key_file(const Request& request, const std::string& kind) const;
  // api_firmware.cpp
  Response firmware() const;
  Response firmware_uses(const std::string& sha256) const;
  Response upload(const Request& request);
  Response remove(const std::string& sha256);
  // api_rollouts.cpp
  Response releases() const;
  Response release(const std::string& name) const;
  Response make_release(const Request& request);
  Response remove_release(const std::string& name);
  Response rollouts() const;
  Response rollout(const std::string& id) const;
  Response start_rollout(const Request& request);
  Response steer_rollout(const Request& request, const std::string& id, const std::string& action);
  Response remove_rollout(const std::string& id);
  // api_policies.cpp
  Response policies() const;
  Response set_policy(const Request& request, const std::string& scope, const std::string& subject);
  Response remove_policy(const std::string& scope, const std::string& subject);
  Response groups() const;
  Response add_group_rule(const Request& request);
  Response remove_group_rule(const std::string& id);
  Response set_label(const std::string& id, const std::string& label, bool has);
  Response audit(const Request& request) const;
  // api_integrations.cpp
  Response integrations() const;
  Response add_integration(const Request& request);
  Response save_integration(const Request& request, const std::string& id);
  Response remove_integration(const std::string& id);
  Response test_integration(const std::string& id);
  Response dead_deliveries(const std::string& id) const;
  Response retry_integration(const std::string& id);
  Response remove_dead_deliveries(const std::string& id);
  /// ErrorKind::not_found.
  Result<store::Integration> find_integration(const std::string& id) const;

  service::LoopBridge& bridge_;
  Authentication& authentication_;
  state::StateFolder folder_;
  mutable store::Readers readers_;
  ApiOptions options_;
  FleetView view_;
  MetricsPage metrics_page_;
  std::atomic<int> checks_{0};
  std::atomic<int> tests_{0};    ///< of integrations
  std::atomic<int> backups_{0};  ///< being made
};

}  // namespace drydock::web
