#include "virtual_device/flash.hpp"

#include <algorithm>
#include <cctype>
#include <fmt/core.h>
#include <zlib.h>

namespace drydock::virtual_device {
namespace {

constexpr std::uint8_t bootloader = 2;
constexpr std::uint8_t monolithic = 3;  // of a Core, which describes no modules
constexpr std::uint8_t system_part = 4;
constexpr std::uint8_t user_part = 5;

std::uint32_t photon_slot_size(std::uint8_t function) {
  if (function == bootloader) return 16384;
  if (function == user_part) return 131072;
  return 262144;
}

// A vector table begins with a stack pointer into RAM.
std::size_t prefix_at(ByteView image) {
  return (get_le32(image, 0) & 0x2FFC0000U) == 0x20000000U && image.size() >= 0x184 + 64 ? 0x184 : 0;
}

char letter(std::uint8_t function) {
  switch (function) {
    case bootloader: return 'b';
    case system_part: return 's';
    case user_part: return 'u';
    case 7: return 'c';
    case 8: return 'a';
    default: return '_';
  }
}

void put_varint(Bytes& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<std::uint8_t>(value | 0x80));
  to.push_back(static_cast<std::uint8_t>(value));
}
void put_field(Bytes& to, unsigned number, std::uint64_t value) {
  if (value == 0) return;
  put_varint(to, number << 3);
  put_varint(to, value);
}
void put_fixed(Bytes& to, unsigned number, std::uint32_t value) {
  put_varint(to, number << 3 | 5);
  for (int i = 0; i < 4; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
void put_bytes(Bytes& to, unsigned number, ByteView bytes) {
  put_varint(to, number << 3 | 2);
  put_varint(to, bytes.size());
  append(to, bytes);
}

Bytes asset_message(const AssetName& asset) {
  Bytes message;
  put_bytes(message, 1, asset.hash);
  put_bytes(message, 2, view_of(asset.name));
  return message;
}

}  // namespace

std::optional<FlashModule> read_image(ByteView image) {
  if (image.size() < 100) return std::nullopt;
  const std::size_t at = prefix_at(image);
  if (image.size() < at + 64) return std::nullopt;
  const std::uint32_t length = get_le32(image, at + 4) - get_le32(image, at);
  if (length + 4 > image.size() || length < at + 60) return std::nullopt;
  FlashModule m;
  m.version = get_le16(image, at + 10);
  m.platform = get_le16(image, at + 12);
  m.function = image[at + 14];
  m.index = image[at + 15];
  for (const std::size_t d : {at + 16, at + 20})
    if (image[d] != 0) m.needs.push_back({image[d], image[d + 1], get_le16(image, d + 2)});
  if (image[at + 16] == 0) m.needs.clear();
  m.slot_size = photon_slot_size(m.function);
  m.suffix_hash = to_hex(image.subspan(length - 34, 32));
  std::transform(m.suffix_hash.begin(), m.suffix_hash.end(), m.suffix_hash.begin(),
      [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (m.function == user_part) m.required_assets = required_assets(image.first(length + 4));
  m.crc_ok = get_be32(image, length) == ::crc32(0, image.data(), static_cast<uInt>(length));
  return m;
}

std::vector<Bytes> unpack_image(ByteView image) {
  constexpr std::uint8_t compressed = 0x02;
  constexpr std::uint8_t combined = 0x04;
  std::vector<Bytes> modules;
  for (bool more = true; more;) {
    if (image.size() < 100) return {};
    const std::size_t at = prefix_at(image);
    const std::size_t size = get_le32(image, at + 4) - get_le32(image, at) + 4;
    if (size < 100 || size > image.size()) return {};
    const auto flags = image[at + 9];
    const auto one = image.first(size);
    const auto crc = ::crc32(0, one.data(), static_cast<uInt>(size - 4));
    if ((flags & compressed) != 0 && get_be32(one, size - 4) == crc) {
      Bytes original(get_le32(one, 28));
      z_stream stream{};
      inflateInit2(&stream, -15);
      stream.next_in = const_cast<Bytef*>(one.data() + 32);
      stream.avail_in = static_cast<uInt>(size - 32 - 40);
      stream.next_out = original.data();
      stream.avail_out = static_cast<uInt>(original.size());
      const int ended = inflate(&stream, Z_FINISH);
      inflateEnd(&stream);
      if (ended != Z_STREAM_END) return {};
      modules.push_back(std::move(original));
    } else {
      modules.emplace_back(one.begin(), one.end());
    }
    image = image.subspan(size);
    more = (flags & combined) != 0;
  }
  return modules;
}

void Flash::put(const FlashModule& module) {
  modules_[{module.function, module.index}] = module;
}

void Flash::put(ByteView image) {
  if (const auto asset = read_asset(image)) {
    assets_.insert(*asset);
    return;
  }
  for (const auto& one : unpack_image(image))
    if (const auto module = read_image(one)) put(*module);
}

bool Flash::meets(const Need& need) const {
  const auto found = modules_.find({need.function, need.index});
  return found != modules_.end() && found->second.version >= need.version;
}

int Flash::check_image(ByteView image) const {
  if (read_asset(image)) return 0;
  const auto modules = unpack_image(image);
  if (modules.empty()) return -1300;
  for (const auto& one : modules) {
    const auto module = read_image(one);
    if (!module) return -1300;
    if (const int error = check_module(*module, rules())) return error;
  }
  return 0;
}

int Flash::check_module(const FlashModule& module, const ReceptionRules& rules) const {
  if (!module.crc_ok) return -1330;
  const auto known = [&](std::uint8_t function, std::uint8_t index) {
    return !rules.slots || rules.slots->contains({function, index});
  };
  if (!known(module.function, module.index)) return -1310;
  for (std::size_t i = 0; i < module.needs.size() && module.function != user_part; ++i) {
    if (i == 1 && (!rules.second_dependency || module.needs[i].function == bootloader)) continue;
    if (!meets(module.needs[i])) return -1340;
  }
  if (rules.reverse_check && module.function == system_part)
    for (const auto& [key, other] : modules_)
      for (const auto& need : other.needs)
        if (other.function == system_part && key.second != module.index && need.function == module.function &&
            need.index == module.index && need.version > module.version)
          return -1340;
  if (module.platform != platform_) return -1360;
  return 0;
}

bool Flash::has_application() const {
  const auto modules = described();
  return std::any_of(modules.begin(), modules.end(), [](const auto* m) { return m->function == user_part; });
}

bool Flash::safe_mode() const {
  if (modules_.contains({monolithic, 0})) return false;
  if (!has_application()) return true;
  for (const auto* described_module : described()) {
    const auto& module = *described_module;
    if (!module.crc_ok ||
        !std::all_of(module.required_assets.begin(), module.required_assets.end(),
            [this](const AssetName& asset) { return assets_.contains(asset); }) ||
        !std::all_of(module.needs.begin(), module.needs.end(), [this](const Need& n) { return meets(n); }))
      return true;
  }
  return false;
}

unsigned Flash::passed(const FlashModule& module) const {
  unsigned bits = 0x08 | 0x10;
  if (module.crc_ok) bits |= 0x02;
  if (std::all_of(module.needs.begin(), module.needs.end(), [this](const Need& n) { return meets(n); })) bits |= 0x04;
  return bits;
}

std::vector<const FlashModule*> Flash::described() const {
  const auto slots = rules().slots;
  std::vector<const FlashModule*> list;
  for (const auto& [key, module] : modules_)
    if (key.first != monolithic && (!slots || slots->contains(key))) list.push_back(&module);
  return list;
}

std::string Flash::describe_json(bool first_need_only) const {
  std::string text = fmt::format("{{\"p\":{},\"m\":[", platform_);
  bool first = true;
  for (const auto* described : described()) {
    const auto& m = *described;
    if (!first) text += ',';
    first = false;
    text += fmt::format("{{\"s\":{},\"l\":\"m\",\"vc\":30,\"vv\":{}", m.slot_size, passed(m));
    if (m.function == user_part) text += fmt::format(",\"u\":\"{}\"", m.suffix_hash);
    text += fmt::format(",\"f\":\"{}\",\"n\":\"{}\",\"v\":{},\"d\":[", letter(m.function), m.index, m.version);
    const std::size_t count = first_need_only ? std::min<std::size_t>(1, m.needs.size()) : m.needs.size();
    for (std::size_t i = 0; i < count; ++i)
      text += fmt::format("{}{{\"f\":\"{}\",\"n\":\"{}\",\"v\":{}{}}}", i ? "," : "", letter(m.needs[i].function),
          m.needs[i].index, m.needs[i].version, first_need_only ? ",\"_\":\"\"" : "");
    text += "]}";
  }
  return text + "]}";
}

Bytes Flash::describe_protobuf() const {
  Bytes message;
  for (const auto* described : described()) {
    const auto& m = *described;
    Bytes module;
    put_field(module, 1, m.function);
    put_field(module, 2, m.index);
    put_field(module, 3, m.version);
    put_field(module, 5, m.slot_size);
    put_fixed(module, 6, 30);
    put_fixed(module, 7, passed(m));
    if (m.function == user_part)
      if (const auto hash = from_hex(m.suffix_hash)) put_bytes(module, 8, *hash);
    for (const auto& need : m.needs) {
      Bytes dependency;
      put_field(dependency, 1, need.function);
      put_field(dependency, 2, need.index);
      put_field(dependency, 3, need.version);
      put_bytes(module, 9, dependency);
    }
    for (const auto& asset : m.required_assets) put_bytes(module, 10, asset_message(asset));
    put_bytes(message, 1, module);
  }
  for (const auto& asset : assets_) put_bytes(message, 5, asset_message(asset));
  return message;
}

std::optional<std::uint16_t> Flash::version(std::uint8_t function, std::uint8_t index) const {
  const auto found = modules_.find({function, index});
  if (found == modules_.end()) return std::nullopt;
  return found->second.version;
}

}  // namespace drydock::virtual_device
