// The appliance itself: what runs, where it listens, what it has written down, and a copy of all of it.
#include "base/clock.hpp"
#include "base/log.hpp"
#include "crypto/library.hpp"
#include "server/as_json.hpp"
#include "state/backup.hpp"
#include "state/listening.hpp"
#include "store/history.hpp"
#include "version.hpp"
#include "web/api.hpp"
#include "web/counted_place.hpp"
#include "web/json_body.hpp"
#include "web/server.hpp"

#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;

namespace {

constexpr int lines_of_history = 200;

json bytes_free(const std::filesystem::path& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  return error ? json(nullptr) : json(space.available);
}

// With what was written and is not in its own file yet.
json bytes_of_database(const state::StateFolder& folder) {
  std::error_code error;
  const auto size = std::filesystem::file_size(folder.database(), error);
  if (error || !folder.store_url.empty()) return nullptr;
  const auto behind = std::filesystem::file_size(folder.database().string() + "-wal", error);
  return size + (error ? 0 : behind);
}

}  // namespace

Response Api::system() const {
  const auto listening = state::load_listening(folder_).value_or(state::Listening{});
  const auto page = state::load_page_listening(folder_).value_or(state::PageListening{});
  const bool sqlite = folder_.store_url.empty();
  return json_answer(json{{"version", version},
      {"libraries",
          {{"wolfSSL", crypto::library_version()}, {"SQLite", store::library_version()},
              {"CivetWeb", library_version()}}},
      {"host", state::host_name()}, {"addresses", state::own_addresses()},
      {"ports", {{"tcp", listening.tcp_port}, {"udp", listening.udp_port}, {"page", page.port}}}, {"tls", page.tls},
      {"certificate", options_.certificate.empty() ? json(nullptr) : json(options_.certificate)},
      {"database", sqlite ? "SQLite" : "PostgreSQL"}, {"database_bytes", bytes_of_database(folder_)},
      {"free_bytes", bytes_free(folder_.root)}, {"state_folder", folder_.root.string()}, {"mqtt", options_.mqtt()},
      {"running_ms", options_.running()}, {"now", utc_milliseconds()}}
                         .dump(-1, ' ', false, json::error_handler_t::replace));
}

Response Api::metrics(const Request& request, int streams) const {
  if (request.method != "GET" && request.method != "HEAD") return problem(405, "Wrong method");
  const auto who = identity(request);
  if (!who) {
    auto response = problem(401, "Log in first",
        "/metrics wants 'Authorization: Bearer TOKEN', with a token of the scope metrics: the page makes one");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
  }
  if (!who->scopes.has(Scope::metrics)) return problem(403, "Not allowed", lacking_words(Scope::metrics));
  const bool open = request.header("accept").find("application/openmetrics-text") != std::string::npos;
  return {200,
      open ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8",
      metrics_page_.text(open, streams)};
}

Response Api::log_lines() const {
  auto list = json::array();
  for (const auto& line : log::recent())
    list.push_back({{"at", line.at}, {"level", log::level_name(line.level)}, {"text", line.text}});
  return json_answer(json{{"lines", list}}.dump(-1, ' ', false, json::error_handler_t::replace));
}

Response Api::history(const Request& request) const {
  const auto kind = request.parameter("kind");
  auto lease = readers_.lease();
  const auto rows = kind.empty() ? store::recent_history(*lease, "", lines_of_history)
                                 : store::recent_history_of_kind(*lease, kind, lines_of_history);
  auto list = json::parse(server::history_as_json(rows));
  std::map<std::string, std::string> names;
  for (auto& line : list) {
    const auto id = line["device"].get<std::string>();
    const auto known = names.find(id);
    if (known == names.end()) {
      const auto row = id.empty() ? std::nullopt : store::load_device(*lease, id);
      names[id] = row ? row->name : "";
    }
    line["name"] = names[id];
  }
  return json_answer(json{{"history", list}}.dump(-1, ' ', false, json::error_handler_t::replace));
}

// It reads every firmware file.
Response Api::check() {
  const CountedPlace place(checks_);
  if (place.number() > 1) return problem(409, "Another one is under way", "try again in a moment");
  auto list = json::array();
  for (const auto& line : options_.check())
    list.push_back({{"verdict", service::verdict_name(line.verdict)}, {"what", line.what}, {"words", line.words}});
  return json_answer(json{{"lines", list}}.dump(-1, ' ', false, json::error_handler_t::replace));
}

// Whoever found a page open must not get the server's keys, or put others in their place.
std::optional<Response> Api::ask_password(const Request& request, const Identity& identity) {
  const auto body = json_body(request, {"password"});
  if (!body) return problem(body.error());
  const auto password = text_in(*body, "password");
  if (!password) return problem(password.error());
  const auto session = authentication_.log_in(Login{identity.user, *password}, client(request), options_.running());
  if (!session && session.error().kind == ErrorKind::rate_limited)
    return problem(429, "Too many tries", session.error().message);
  if (!session) return problem(session.error());
  (void)authentication_.log_out(*session);
  return std::nullopt;
}

Response Api::keep_backup(const Request& request) {
  std::error_code error;
  std::filesystem::rename(request.upload, state::uploaded_backup(folder_), error);
  return error ? problem(500, "It did not work", error.message()) : done();
}

// Everything else that can be wrong with it is found before anything is changed, and stands in the log.
Response Api::restore(const Request& request, const Identity& identity) {
  if (auto refused = ask_password(request, identity)) return std::move(*refused);
  if (!std::filesystem::exists(state::uploaded_backup(folder_)))
    return problem(409, "Not now", "send the backup's file first");
  log::warning("the page: {} restores a backup; the service begins anew with it", log::printable(request.peer));
  options_.restore();
  return {202, "application/json", "{}"};
}

Response Api::backup(const Request& request, const Identity& identity) {
  if (auto refused = ask_password(request, identity)) return std::move(*refused);
  const auto place = std::make_shared<CountedPlace>(backups_);
  if (place->number() > 1) return problem(409, "Another one is being made", "try again in a moment");
  Response response{200, "application/octet-stream", ""};
  // The place is taken until the file is sent.
  response.file = std::shared_ptr<OwnFile>(
      new OwnFile(folder_.root / "backup.part"), [place](const OwnFile* file) { delete file; });
  std::error_code not_there;  // of one that was cut off
  std::filesystem::remove(response.file->path(), not_there);
  const auto made = state::back_up(folder_, response.file->path());
  if (!made) return problem(made.error());
  log::notice("the page: {} has fetched a backup, with the server's keys", log::printable(request.peer));
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"drydock.backup\"");
  return response;
}

}  // namespace drydock::web
