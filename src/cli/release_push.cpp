// Brings a release to a Drydock on another machine: for those who build firmware by themselves, CI say.
#include "base/log.hpp"
#include "cli/api_client.hpp"
#include "cli/module_files.hpp"
#include "server/releases.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/core.h>
#include <fstream>

namespace drydock::cli {
namespace {

using nlohmann::json;

constexpr auto token_variable = "DRYDOCK_TOKEN";

// Not as an option: what stands on a command line is seen by everybody on the machine, and in CI's log.
Result<std::string> token_of(const ReleasePush& push) {
  std::string token;
  if (!push.token_file.empty()) {
    std::ifstream file(push.token_file);
    if (!std::getline(file, token))
      return failure(ErrorKind::not_found, fmt::format("{} cannot be read, or is empty", push.token_file.string()));
  } else if (const auto* given = std::getenv(token_variable); given != nullptr) {
    token = given;
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty())
    return failure(ErrorKind::not_found,
        fmt::format(
            "a token is needed, with the scope release: in {}, or in the file of --token-file. The page makes one "
            "(Access, API tokens)",
            token_variable));
  if (token.find_first_of(" \r\n") != std::string::npos) return failure(ErrorKind::malformed, "this is no token");
  return token;
}

std::string text_of(const json& answer, const char* name) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string no_drydock(const std::string& url) {
  return fmt::format("{} answers as no Drydock does: is that where its page is?", log::printable(url));
}

}  // namespace

int release_push(const Context& context, const ReleasePush& push) {
  if (!push.url.starts_with("https://") && !push.url.starts_with("http://"))
    return print_error("--url is where the page is: https://drydock.example.org:8080");
  const auto token = token_of(push);
  if (!token) return print_error(token.error().message);
  const auto curl = integrations::Libcurl::load();
  if (!curl) return print_error(curl.error().message);
  // Before anything is sent.
  if (const auto usable = server::usable_release_name(push.name); !usable) return print_error(usable.error().message);
  ApiClient api(**curl, push.url, *token, push.ca.string());

  auto modules = read_module_files(push.files);
  if (modules.files.empty()) return print_error("there is no .bin file among these");
  // Nothing is sent before all can be read.
  for (const auto& file : modules.files)
    if (!file.content)
      return print_error(fmt::format("{}: {}", log::printable(file.name), file.content.error().message));
  std::vector<std::string> sent;
  auto told = json::array();
  for (const auto& file : modules.files) {
    const auto added = api.post("firmware?name=" + api.escaped(file.name), *file.content, "application/octet-stream");
    if (!added) return print_error(fmt::format("{}: {}", log::printable(file.name), added.error().message));
    if (!added->contains("sha256") || !(*added)["sha256"].is_string()) return print_error(no_drydock(push.url));
    sent.push_back((*added)["sha256"].get<std::string>());
    told.push_back(*added);
    if (!context.json)
      fmt::print("{}: {}, version {}{}\n", log::printable(file.name), log::printable(text_of(*added, "module")),
          added->contains("version") ? (*added)["version"].dump() : "",
          added->value("known_already", json()) == true ? ", was there already" : "");
  }
  const auto body = json{{"name", push.name}, {"files", sent}, {"notes", push.notes}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
  const auto made = api.post("releases", view_of(body), "application/json");
  if (!made) return print_error(fmt::format("release {}: {}", log::printable(push.name), made.error().message));
  if (made->value("name", json()) != push.name) return print_error(no_drydock(push.url));
  if (context.json)
    fmt::print(
        "{}\n", json{{"release", push.name}, {"files", told}}.dump(2, ' ', false, json::error_handler_t::replace));
  else
    fmt::print(
        "Release {} is there. It goes to devices when somebody starts a rollout of it.\n", log::printable(push.name));
  return 0;
}

}  // namespace drydock::cli
