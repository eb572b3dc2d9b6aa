// Particle's REST API below /v1 and /oauth, for particle-cli, particle-api-js and what is built on them. Its ways are
// theirs: every error is JSON with `error`, and 401 means a bad token alone, for a tool throws its token away then.
// Called on the web server's threads.
#pragma once

#include "state/state_folder.hpp"
#include "store/readers.hpp"
#include "web/authentication.hpp"
#include "web/event_log.hpp"
#include "web/http.hpp"
#include "service/loop_bridge.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace drydock::web {

class CloudApi {
public:
  /// `running`: milliseconds of running time, from any thread.
  CloudApi(service::LoopBridge& bridge, Authentication& authentication, state::StateFolder folder,
      std::function<std::int64_t()> running)
      : bridge_(bridge),
        authentication_(authentication),
        folder_(std::move(folder)),
        readers_(folder_.location()),
        running_(std::move(running)) {}

  static bool answers(const Request& request) {
    return request.path.starts_with("/v1/") || request.path.starts_with("/oauth/");
  }
  /// Why the body need not be read, or the request answered; nothing when it may be. A token in the body is looked at
  /// by handle(): such a body is short.
  std::optional<Response> refuse(const Request& request) const;
  static bool is_device_os_file(const Request& request);
  /// How much of a body is read; `known`: the request has a good token outside of it.
  static std::size_t longest_body(const Request& request, bool known);
  Response handle(Request request);

  /// Which events a stream is opened for; nothing when the request is for no stream.
  static std::optional<EventFilter> stream_filter(const Request& request);
  /// The filter may name its device by name; by id afterwards. Errors are answers.
  std::optional<Response> resolve(EventFilter& filter) const;
  bool is_known(const Request& request) const;
  /// Whether what this request showed is still good: cheap while nothing changes. For one thread, as long as this
  /// lives.
  std::function<bool()> may_listen(const Request& request) const;
  /// As text/event-stream has it.
  static std::string as_stream_text(const server::PublishedEvent& event);

private:
  using Path = std::vector<std::string>;
  /// What somebody shows: a token, or the cookie of a browser that shows the page.
  struct Credentials {
    std::string token;
    std::string session;
  };
  static Credentials credentials_of(const Request& request, std::string token);
  std::optional<Identity> identity(const Credentials& shown) const;
  Response route(const Request& request, const Path& path, const Identity& identity);
  // cloud_access.cpp
  Response log_in(const Request& request);
  Response grant_for_password(const Request& request);
  Response grant_for_refresh_token(const Request& request);
  Response user(const Identity& identity) const;
  Response current_token(const Identity& identity) const;
  Response revoke(const std::string& token);
  // cloud_devices.cpp
  Result<store::DeviceRow> find(const std::string& id_or_name) const;
  /// Of the approved ones; on what could not be read it ends.
  Result<void> for_each_device(const std::function<void(const store::DeviceRow&)>& take) const;
  Response devices() const;
  Response devices_of_product() const;
  Response device(const std::string& id_or_name) const;
  Response claim(const Request& request);
  Response change(const Request& request, const std::string& id_or_name);
  Response remove(const std::string& id_or_name);
  Response ping(const std::string& id_or_name) const;
  Response publish(const Request& request);
  // cloud_calls.cpp
  Response call(const Request& request, const std::string& id_or_name, const std::string& function);
  Response variable(const Request& request, const std::string& id_or_name, const std::string& name);
  Response signal(const store::DeviceRow& device, bool on);
  Result<device::VariableValue> ask(const store::DeviceRow& row, server::DeviceRequest request);
  // cloud_diagnostics.cpp
  enum class Vitals { last, history, update };
  Response vitals(const std::string& id_or_name, Vitals wanted);
  // cloud_provisioning.cpp
  Response provision(const Request& request, const std::string& device);
  Response claim_code(const Identity& identity);
  // cloud_device_os.cpp
  Response device_os(const Request& request, const std::string& wanted) const;
  Response device_os_versions(const Request& request) const;
  Response device_os_file(const Request& request) const;
  // cloud_flash.cpp
  Response flash(const Request& request, const store::DeviceRow& device);

  service::LoopBridge& bridge_;
  Authentication& authentication_;
  state::StateFolder folder_;
  mutable store::Readers readers_;
  std::function<std::int64_t()> running_;
  std::atomic<int> waiting_calls_{0};
  class WaitingCall;
  std::mutex waiting_mutex_;
  std::map<std::string, int> waiting_of_device_;  ///< guarded
};

/// {"ok": false, "error", "error_description"}.
Response cloud_error(int status, const std::string& error);
/// The status that Particle's tools expect of such a failure.
Response cloud_error(const Error& error);
Response cloud_answer(const std::string& json);
/// What is no UTF-8 in it is replaced.
std::string json_text(const nlohmann::json& json);
/// "2026-11-28T14:00:00.000Z".
std::string iso_time(std::int64_t utc_milliseconds);
/// A field of a JSON or form body; nothing when it is not there.
std::optional<std::string> argument(const Request& request, const char* name);

}  // namespace drydock::web
