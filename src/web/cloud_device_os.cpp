// Device OS from the library, for `particle update` and `particle flash --local` where there is no Internet.
#include "web/cloud_api.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"
#include "firmware/files.hpp"
#include "firmware/platforms.hpp"
#include "firmware/releases.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;

namespace {

constexpr const char* files = "/v1/device-os/files";

std::optional<std::uint16_t> number_in(const std::string& text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

// What Particle gives to everybody. An application, alone or within an image, is its owner's.
bool is_for_everybody(const firmware::LibraryModule& module) {
  using firmware::Function;
  const auto function = module.key.function;
  const bool of_system = function == Function::bootloader || function == Function::system_part ||
      function == Function::ncp || function == Function::radio_stack;
  return of_system && !module.unlike_release && !module.second_module &&
      firmware::released_dependencies(module.platform, module.key, module.version).has_value();
}

// The files that bring every module of the release; empty when one is missing.
std::vector<const firmware::LibraryModule*> files_of(
    const firmware::Library& library, const firmware::Release& release) {
  std::vector<const firmware::LibraryModule*> found;
  for (const auto& module : release.modules) {
    const auto candidates = library.candidates(release.platform, module.key, module.version);
    const auto exact = std::find_if(candidates.begin(), candidates.end(),
        [&](const auto* candidate) { return candidate->version == module.version && is_for_everybody(*candidate); });
    if (exact == candidates.end()) return {};
    if (std::find(found.begin(), found.end(), *exact) == found.end()) found.push_back(*exact);
  }
  return found;
}

const char* function_word(firmware::Function function) {
  switch (function) {
    case firmware::Function::bootloader: return "bootloader";
    case firmware::Function::system_part: return "system_part";
    case firmware::Function::monolithic: return "mono_firmware";
    case firmware::Function::ncp: return "ncp_software";
    case firmware::Function::radio_stack: return "radio_stack";
    case firmware::Function::user_part: return "user_part";
    default: return "none";
  }
}

// The last four bytes, as the tools compare them.
std::string stored_crc(const state::StateFolder& folder, const firmware::LibraryModule& module) {
  const auto content =
      firmware::read_file(firmware::ModuleFiles(folder.firmware()).path_of(module.sha256), limits::module_file);
  return content && content->size() > 4 ? to_hex(ByteView(*content).last(4)) : std::string();
}

std::string file_name_of(const firmware::LibraryModule& module) {
  return module.sha256 + ".bin";
}

json module_object(const state::StateFolder& folder, const firmware::LibraryModule& module) {
  const auto crc = stored_crc(folder, module);
  return {{"filename", file_name_of(module)}, {"size", module.size},
      {"prefixInfo",
          {{"moduleFunction", function_word(module.key.function)}, {"moduleIndex", module.key.index},
              {"moduleVersion", module.version}, {"platformID", module.platform}}},
      {"crc", {{"ok", 1}, {"storedCrc", crc}, {"actualCrc", crc}}}};
}

}  // namespace

// By version ("3.3.1"), by the number of its system parts, or "latest": of those whose files are all here.
Response CloudApi::device_os(const Request& request, const std::string& wanted) const {
  const auto platform = number_in(request.parameter("platform_id"));
  if (!platform) return cloud_error(400, "'platform_id' is needed");
  const auto library = bridge_.snapshot()->library;
  const auto releases = firmware::releases_of(*platform);
  for (auto release = releases.rbegin(); release != releases.rend(); ++release) {
    const bool asked_for =
        wanted == "latest" || release->number.text() == wanted || number_in(wanted) == release->system_version;
    if (!asked_for) continue;
    const auto modules = files_of(*library, *release);
    if (modules.empty()) continue;
    const std::string scheme = request.header("x-forwarded-proto") == "https" ? "https://" : "http://";
    json list = json::array();
    for (const auto* module : modules) list.push_back(module_object(folder_, *module));
    return cloud_answer(json_text({{"version", release->number.text()}, {"internal_version", release->system_version},
        {"base_url", scheme + request.header("host") + files}, {"modules", list}}));
  }
  return cloud_error(404,
      fmt::format("the library has no complete Device OS {} for the {}: add its files to Drydock", wanted,
          firmware::platform_name(*platform)));
}

Response CloudApi::device_os_versions(const Request& request) const {
  const auto platform = number_in(request.parameter("platform_id"));
  if (!platform) return cloud_error(400, "'platform_id' is needed");
  const auto internal = request.parameter("internal_version");
  const auto library = bridge_.snapshot()->library;
  json list = json::array();
  for (const auto& release : firmware::releases_of(*platform)) {
    if (!internal.empty() && number_in(internal) != release.system_version) continue;
    if (files_of(*library, release).empty()) continue;
    const json version{
        {"version", release.number.text()}, {"internal_version", release.system_version}, {"release_state", "ga"}};
    list.insert(list.begin(), version);
  }
  return cloud_answer(json_text({{"versions", list}}));
}

bool CloudApi::is_device_os_file(const Request& request) {
  return request.method == "GET" && request.path.starts_with(files + std::string("/"));
}

// Without a token, as the tools fetch them: what Particle itself gives to everybody, and nothing else.
Response CloudApi::device_os_file(const Request& request) const {
  const auto name = request.path.substr(std::string_view(files).size() + 1);
  for (const auto* module : bridge_.snapshot()->library->all()) {
    if (file_name_of(*module) != name || !is_for_everybody(*module)) continue;
    const firmware::ModuleFiles stored(folder_.firmware());
    const auto content = firmware::read_file(stored.path_of(module->sha256), limits::module_file);
    if (!content) return cloud_error(500, content.error().message);
    return {200, "application/octet-stream", std::string(text_of(*content))};
  }
  return cloud_error(404, "the library has no such file of Device OS");
}

}  // namespace drydock::web
