#include "firmware/module.hpp"

#include "base/crc32.hpp"
#include "base/limits.hpp"
#include "firmware/releases.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace drydock::firmware {
namespace {

constexpr std::size_t prefix_size = 24;
constexpr std::size_t plain_suffix_size = 36;
constexpr std::size_t product_suffix_size = 40;
constexpr std::size_t crc_size = 4;
constexpr std::size_t smallest_file = prefix_size + plain_suffix_size + crc_size;
constexpr std::size_t scan_limit = 8 * 1024;

// A vector table may stand in front of the prefix; its size depends on the processor (PROTOCOL §6.1).
constexpr std::array<std::size_t, 5> usual_offsets{0, 0x200, 0x184, 0xC0, 0x10C};

constexpr std::uint16_t extension_end = 0x0000;
constexpr std::uint16_t extension_product = 0x0001;
constexpr std::uint16_t extension_invalid = 0xffff;

Dependency read_dependency(ByteView file, std::size_t at) {
  return {{static_cast<Function>(file[at]), file[at + 1]}, get_le16(file, at + 2)};
}

Prefix read_prefix(ByteView file, std::size_t at) {
  Prefix p;
  p.offset = static_cast<std::uint32_t>(at);
  p.start_address = get_le32(file, at);
  p.end_address = get_le32(file, at + 4);
  p.reserved = file[at + 8];
  p.flags = file[at + 9];
  p.version = get_le16(file, at + 10);
  p.platform = get_le16(file, at + 12);
  p.key = {static_cast<Function>(file[at + 14]), file[at + 15]};
  p.dependency1 = read_dependency(file, at + 16);
  p.dependency2 = read_dependency(file, at + 20);
  return p;
}

bool known_function(Function f) {
  return f > Function::none && f <= Function::asset;
}

// Which bytes are the prefix is a guess that grows less sure from line to line.
enum class Likeness { size_matches_file, fits_and_is_known, known_but_cut };

bool resembles(const Prefix& p, std::size_t file_size, Likeness likeness) {
  if (p.start_address >= p.end_address || p.key.function == Function::none) return false;
  const std::uint64_t size = std::uint64_t{p.end_address} - p.start_address + crc_size;
  const bool known = known_function(p.key.function) && find_platform(p.platform) != nullptr;
  switch (likeness) {
    case Likeness::size_matches_file: return size == file_size;
    case Likeness::fits_and_is_known: return size < file_size && size >= smallest_file && known;
    case Likeness::known_but_cut: return size > file_size && known;
  }
  return false;
}

std::optional<Prefix> find_prefix(ByteView file, Likeness likeness, bool scan) {
  const auto matches = [&](std::size_t at) {
    return at + prefix_size <= file.size() && resembles(read_prefix(file, at), file.size(), likeness);
  };
  for (const auto at : usual_offsets)
    if (matches(at)) return read_prefix(file, at);
  for (std::size_t at = 0; scan && at < std::min(scan_limit, file.size()); at += 4)
    if (matches(at)) return read_prefix(file, at);
  return std::nullopt;
}

// A list of type, total length, body. It ends with END, with PRODUCT_DATA (in a suffix), or where the space ends.
std::vector<Extension> read_extensions(ByteView file, std::size_t at, std::size_t end) {
  constexpr std::size_t header = 4;
  std::vector<Extension> list;
  while (at + header <= end) {
    const auto type = get_le16(file, at);
    const std::size_t length = get_le16(file, at + 2);
    if (type == extension_invalid || length < header || at + length > end) break;
    const auto body = file.subspan(at + header, length - header);
    list.push_back({type, static_cast<std::uint32_t>(at), Bytes(body.begin(), body.end())});
    at += length;
    if (type == extension_end || type == extension_product) break;
  }
  return list;
}

Suffix read_suffix(ByteView module_without_crc) {
  const auto end = module_without_crc.size();
  Suffix s;
  s.size = get_le16(module_without_crc, end - 2);
  const auto sha = module_without_crc.subspan(end - 34, 32);
  s.sha256.assign(sha.begin(), sha.end());
  s.reserved = get_le16(module_without_crc, end - 36);
  if (s.size >= product_suffix_size && end >= product_suffix_size) {
    s.product_version = get_le16(module_without_crc, end - 38);
    s.product_id = get_le16(module_without_crc, end - 40);
  }
  if (s.size > product_suffix_size && s.size <= end)
    s.extensions = read_extensions(module_without_crc, end - s.size, end - plain_suffix_size);
  return s;
}

}  // namespace

std::vector<Dependency> Module::dependencies() const {
  std::vector<Dependency> list;
  if (!prefix.dependency1.exists()) return list;
  list.push_back(prefix.dependency1);
  if (prefix.dependency2.exists()) list.push_back(prefix.dependency2);
  return list;
}

namespace {

constexpr std::uint16_t extension_hash = 0x0010;
constexpr std::uint16_t extension_name = 0x0011;
constexpr std::uint16_t extension_asset_dependency = 0x0012;
constexpr std::uint8_t hash_sha256 = 0;

std::vector<const Extension*> all_extensions(const Module& module) {
  std::vector<const Extension*> list;
  for (const auto* extensions : {&module.prefix.extensions, &module.suffix.extensions})
    for (const auto& extension : *extensions) list.push_back(&extension);
  return list;
}

// Type and length of the hash, and the hash.
std::optional<std::string> read_hash(ByteView body) {
  constexpr std::size_t size = 32;
  if (body.size() < 2 + size || body[0] != hash_sha256 || body[1] != size) return std::nullopt;
  return to_hex(body.subspan(2, size));
}
std::string text_of(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::optional<Asset> asset_in(const Module& module) {
  if (module.key().function != Function::asset) return std::nullopt;
  Asset asset;
  for (const auto* extension : all_extensions(module)) {
    if (extension->type == extension_hash) asset.sha256 = read_hash(extension->body).value_or("");
    if (extension->type == extension_name) asset.name = text_of(extension->body);
  }
  if (asset.name.empty() || asset.sha256.empty()) return std::nullopt;
  return asset;
}

std::vector<Asset> assets_needed_by(const Module& module) {
  constexpr std::size_t name_at = 2 + 32;
  std::vector<Asset> list;
  for (const auto* extension : all_extensions(module)) {
    if (extension->type != extension_asset_dependency || list.size() == limits::assets_per_application) continue;
    const auto hash = read_hash(extension->body);
    if (hash && extension->body.size() > name_at)
      list.push_back({text_of(ByteView(extension->body).subspan(name_at)), *hash});
  }
  return list;
}

Result<Module> parse_module(ByteView file) {
  if (file.empty()) return failure(ErrorKind::malformed, "the file is empty");
  if (file.size() < smallest_file)
    return failure(ErrorKind::malformed,
        fmt::format("the file has only {} bytes; a module has at least {}", file.size(), smallest_file));

  auto prefix = find_prefix(file, Likeness::size_matches_file, true);
  if (!prefix) prefix = find_prefix(file, Likeness::fits_and_is_known, true);
  if (!prefix) {
    if (const auto cut = find_prefix(file, Likeness::known_but_cut, false))
      return failure(ErrorKind::malformed,
          fmt::format("the file is cut: its header announces {} bytes, it has {}", cut->module_size(), file.size()));
    return failure(ErrorKind::malformed, "not a Particle firmware module: no module header found");
  }

  Module module;
  module.prefix = *prefix;
  const std::size_t size = prefix->module_size();
  const auto checked = file.first(size - crc_size);
  module.padding = file.size() - size;
  if (prefix->flags & flag::prefix_extensions)
    module.prefix.extensions = read_extensions(checked, prefix->offset + prefix_size, checked.size());
  module.suffix = read_suffix(checked);
  module.stored_crc = get_be32(file, checked.size());
  module.actual_crc = crc32(checked);
  const auto digest = crypto::sha256(checked.first(checked.size() - 34));
  module.sha256_ok = std::equal(digest.begin(), digest.end(), module.suffix.sha256.begin());
  return module;
}

namespace {

Result<void> check_place(const Prefix& p) {
  if ((p.flags & flag::compressed) != 0) return {};  // what is in it is looked at by itself
  const auto places = places_of(p.platform, p.key);
  const bool fits = places.empty() || std::any_of(places.begin(), places.end(), [&](const SlotPlace& place) {
    return (!place.start || *place.start == p.start_address) && (!place.end || *place.end == p.end_address);
  });
  if (fits) return {};
  // A newer Device OS may have moved its parts.
  if (p.key.function != Function::user_part && p.version > newest_released_version(p.platform, p.key)) return {};
  const auto& place = places.front();
  return failure(ErrorKind::refused,
      fmt::format("it is made for another place: it {} at {:#x}, a {} of this platform at {:#x}",
          place.start ? "begins" : "ends", place.start ? p.start_address : p.end_address, p.key.name(),
          place.start ? *place.start : *place.end));
}

Result<void> check_needs(const Module& module) {
  for (const auto& need : module.dependencies())
    if (!may_have_slot(module.prefix.platform, need.key))
      return failure(ErrorKind::refused,
          fmt::format("it needs something in a slot '{}', which no known Device OS for {} has", need.key.name(),
              platform_name(module.prefix.platform)));
  return {};
}

Result<void> check_slot(const Prefix& p) {
  if (!may_have_slot(p.platform, p.key))
    return failure(ErrorKind::refused,
        fmt::format(
            "it goes to a slot '{}', which no known Device OS for {} has", p.key.name(), platform_name(p.platform)));
  const auto slot = find_slot(p.platform, p.key.function, p.key.index);
  if (!slot) return {};
  if (p.start_address < slot->begin || p.end_address > slot->end)
    return failure(ErrorKind::refused,
        fmt::format("it would be installed at {:#x}–{:#x}, outside the {}'s {:#x}–{:#x} on this platform",
            p.start_address, p.end_address, p.key.name(), slot->begin, slot->end));
  return {};
}

}  // namespace

Result<void> check(const Module& module) {
  const auto& p = module.prefix;
  if (!module.crc_ok())
    return failure(ErrorKind::malformed,
        fmt::format(
            "the file is damaged: its CRC is {:08x}, it should be {:08x}", module.stored_crc, module.actual_crc));
  if (!known_function(p.key.function))
    return failure(ErrorKind::refused, fmt::format("unknown module function {}", static_cast<int>(p.key.function)));
  if (p.key.function == Function::monolithic && !is_monolithic(p.platform))
    return failure(
        ErrorKind::refused, "it is a monolithic image, which is never sent to a modular device: flash it by USB");
  if (p.offset != 0 && (p.flags & (flag::compressed | flag::drop_module_info)) != 0)
    return failure(ErrorKind::refused, "it is marked as compressed behind a vector table, which devices refuse");
  if (p.key.function == Function::asset && !asset_in(module))
    return failure(ErrorKind::refused, "it is an asset and does not say its name and hash: make it with particle-cli");
  if (p.flags & ~flag::known) return failure(ErrorKind::refused, fmt::format("unknown module flags {:#04x}", p.flags));
  if (p.key.function == Function::asset) return {};  // it has no slot
  if (auto fits = check_slot(p); !fits) return fits;
  if (auto fits = check_place(p); !fits) return fits;
  return check_needs(module);
}

}  // namespace drydock::firmware
