#include "firmware/releases.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>

namespace drydock::firmware {
namespace {

struct Row {
  std::uint16_t platform;
  ReleaseNumber number;
  std::uint16_t system_version;
  bool published;
  std::uint16_t first_module;
  std::uint16_t module_count;
};

struct LaterSlot {
  std::uint16_t platform;
  ModuleKey key;
  std::uint16_t system_version;
};

#include "releases_table.inc"

Release release_of(const Row& row) {
  return {row.platform, row.number, row.system_version, row.published,
      std::span(modules).subspan(row.first_module, row.module_count)};
}

}  // namespace

std::string ReleaseNumber::text() const {
  return fmt::format("{}.{}.{}", major, minor, patch);
}

std::optional<ReleaseNumber> parse_release_number(std::string_view text) {
  std::array<std::uint8_t, 3> numbers{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i != 0 && (at == end || *at++ != '.')) return std::nullopt;
    const auto [next, error] = std::from_chars(at, end, numbers[i]);
    if (error != std::errc{}) return std::nullopt;
    at = next;
  }
  if (at != end) return std::nullopt;
  return ReleaseNumber{numbers[0], numbers[1], numbers[2]};
}

std::vector<Release> releases_of(std::uint16_t platform) {
  std::vector<Release> releases;
  for (const auto& row : rows)
    if (row.platform == platform) releases.push_back(release_of(row));
  std::sort(releases.begin(), releases.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return releases;
}

std::optional<Release> find_release(std::uint16_t platform, ReleaseNumber number) {
  for (const auto& row : rows)
    if (row.platform == platform && row.number == number) return release_of(row);
  return std::nullopt;
}

std::vector<SlotPlace> places_of(std::uint16_t platform, ModuleKey key) {
  std::vector<SlotPlace> found;
  std::copy_if(std::begin(places), std::end(places), std::back_inserter(found),
      [&](const SlotPlace& place) { return place.platform == platform && place.key == key; });
  return found;
}

bool may_have_slot(std::uint16_t platform, ModuleKey key) {
  const bool is_known = std::any_of(
      std::begin(places), std::end(places), [&](const SlotPlace& place) { return place.platform == platform; });
  return !is_known || find_slot(platform, key.function, key.index) || !places_of(platform, key).empty();
}

std::optional<std::vector<Dependency>> released_dependencies(
    std::uint16_t platform, ModuleKey key, std::uint16_t version) {
  for (const auto& row : rows) {
    if (row.platform != platform) continue;
    for (const auto& module : release_of(row).modules)
      if (module.key == key && module.version == version) return module.needs();
  }
  return std::nullopt;
}

std::uint16_t newest_released_version(std::uint16_t platform, ModuleKey key) {
  std::uint16_t newest = 0;
  for (const auto& row : rows) {
    if (row.platform != platform) continue;
    for (const auto& module : release_of(row).modules)
      if (module.key == key) newest = std::max(newest, module.version);
  }
  return newest;
}

std::vector<Dependency> ReleaseModule::needs() const {
  std::vector<Dependency> list;
  std::copy_if(dependencies.begin(), dependencies.end(), std::back_inserter(list),
      [](const Dependency& need) { return need.exists(); });
  return list;
}

std::optional<ReleaseNumber> release_of_system_version(std::uint16_t platform, std::uint16_t version) {
  std::optional<ReleaseNumber> found;
  for (const auto& row : rows) {
    if (row.platform != platform || row.system_version != version || version == 0) continue;
    if (found) return std::nullopt;
    found = row.number;
  }
  return found;
}

std::string release_words(std::uint16_t platform, ModuleKey key, std::uint16_t version) {
  const bool numbered = key.function == Function::system_part || key.function == Function::monolithic;
  const auto number = numbered ? release_of_system_version(platform, version) : std::nullopt;
  return number ? number->text() : std::string();
}

std::vector<std::uint16_t> versions_like(std::string_view text) {
  std::vector<std::uint16_t> found;
  std::uint16_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error == std::errc{} && end == text.data() + text.size() && text.size() > 1) return {version};
  const bool begins_one = text.size() > 2 && text.find('.') != std::string_view::npos;
  if (!begins_one || text.find_first_not_of("0123456789.") != std::string_view::npos) return found;
  for (const auto& row : rows) {
    const auto number = row.number.text();
    if (number == text || number.starts_with(std::string(text) + ".")) found.push_back(row.system_version);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  std::erase(found, 0);
  return found;
}

std::string version_text(std::uint16_t platform, ModuleKey key, std::uint16_t version) {
  const auto release = release_words(platform, key, version);
  return release.empty() ? fmt::format("{}", version) : fmt::format("{} ({})", version, release);
}

std::string module_title(std::uint16_t platform, ModuleKey key, std::uint16_t version) {
  if (key.function == Function::asset) return key.name();
  return fmt::format("{} version {}", key.name(), version_text(platform, key, version));
}

ModuleKey slot_table_holder(std::uint16_t platform) {
  const bool has_part_2 = find_slot(platform, Function::system_part, 2).has_value();
  return {Function::system_part, static_cast<std::uint8_t>(has_part_2 ? 2 : 1)};
}

std::optional<Dependency> slot_requirement(std::uint16_t platform, ModuleKey key) {
  for (const auto& slot : later_slots)
    if (slot.platform == platform && slot.key == key)
      return Dependency{slot_table_holder(platform), slot.system_version};
  return std::nullopt;
}

}  // namespace drydock::firmware
