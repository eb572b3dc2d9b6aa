// The catalogue: what there is to send.
#include "web/api.hpp"

#include "appliance/as_json.hpp"
#include "appliance/stock.hpp"
#include "base/limits.hpp"
#include "firmware/files.hpp"
#include "store/modules.hpp"

#include <future>
#include <nlohmann/json.hpp>

namespace drydock::web {

using nlohmann::json;

Response Api::firmware() const { return {200, "application/json", "{\"modules\":" + appliance::catalogue_as_json(*bridge_.snapshot()->catalogue) + "}"}; }

Response Api::upload(const Request& request) {
  constexpr std::size_t longest_name = 128;
  auto name = request.parameter("name").substr(0, longest_name);
  if (name.empty()) name = "upload.bin";
  // On a thread of its own: CivetWeb's have 100 kB of stack, which is little for unpacking what strangers made.
  const auto appraise = [&]() -> Result<appliance::Appraised> {
    const auto content = firmware::read_file(request.upload, limits::module_file);
    if (!content) return tl::unexpected(content.error());
    return appliance::appraise(*content, name);
  };
  const std::lock_guard one_at_a_time(appraising_);
  const auto appraised = std::async(std::launch::async, appraise).get();
  if (!appraised) return problem(appraised.error());
  auto added = std::make_shared<appliance::Added>();
  const auto changed = bridge_.change([appraised = *appraised, folder = folder_, added](store::Database& db) -> Result<void> {
    const auto outcome = appliance::add_to_stock(db, folder, appraised);
    if (!outcome) return tl::unexpected(outcome.error());
    *added = *outcome;
    return {};
  });
  if (!changed) return problem(changed.error());
  const bool known = *added == appliance::Added::known_already;
  auto body = json::parse(appliance::module_as_json(appraised->module));
  body["known_already"] = known;
  return {known ? 200 : 201, "application/json", body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

Response Api::remove(const std::string& sha256) {
  const auto snapshot = bridge_.snapshot();
  const auto* module = snapshot->catalogue->find(sha256);
  if (module == nullptr) return problem(404, "Not found", "there is no such file in the catalogue");
  const auto removed = bridge_.change(
      [sha256](store::Database& db) -> Result<void> {
        store::remove_module(db, sha256);
        return {};
      },
      [sha256](const appliance::Appliance& appliance) -> Result<void> {
        if (appliance.needs(sha256)) return failure(Kind::conflict, "a device needs this file: its plan or a wish of yours has it");
        return {};
      });
  if (!removed) return problem(removed.error());
  // The row first: a file without a row harms nobody.
  const auto gone = firmware::ModuleFiles(folder_.firmware()).remove(sha256);
  return gone ? done() : problem(gone.error());
}

}  // namespace drydock::web
