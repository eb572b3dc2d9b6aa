#include "virtual_device/module_builder.hpp"

#include "virtual_device/device_crypto.hpp"

#include <algorithm>
#include <stdexcept>
#include <zlib.h>

namespace drydock::virtual_device {
namespace {

constexpr std::size_t prefix_size = 24;
constexpr std::size_t suffix_size = 36;
constexpr std::size_t vector_table = 0x184;
constexpr std::uint8_t compressed = 0x02;
constexpr std::uint8_t combined = 0x04;

void put_le16(Bytes& at, std::size_t where, std::uint16_t v) {
  at[where] = static_cast<std::uint8_t>(v);
  at[where + 1] = static_cast<std::uint8_t>(v >> 8);
}
void put_le32(Bytes& at, std::size_t where, std::uint32_t v) {
  put_le16(at, where, static_cast<std::uint16_t>(v));
  put_le16(at, where + 2, static_cast<std::uint16_t>(v >> 16));
}
void put_needs(Bytes& at, std::size_t where, const ModuleSpec::Needs& needs) {
  at[where] = needs.function;
  at[where + 1] = needs.index;
  put_le16(at, where + 2, needs.version);
}

// PROTOCOL §1.3, Photon.
std::uint32_t photon_address(const ModuleSpec& r) {
  if (r.function == 2) return 0x08000000;
  if (r.function == 4 && r.index == 1) return 0x08020000;
  if (r.function == 4) return 0x08060000;
  return 0x080A0000;
}

std::size_t prefix_offset(ByteView module) {
  for (const std::size_t at : {std::size_t{0}, std::size_t{0x200}, vector_table})
    if (module.size() >= at + prefix_size && get_le32(module, at + 4) - get_le32(module, at) + 4 == module.size())
      return at;
  throw std::logic_error("no module");
}

}  // namespace

void update_checksums(Bytes& file) {
  const auto end = file.size() - 4;
  const auto digest = sha256(ByteView(file).first(end - 34));
  std::copy(digest.begin(), digest.end(), file.begin() + static_cast<std::ptrdiff_t>(end - 34));
  const auto crc = static_cast<std::uint32_t>(::crc32(0, file.data(), static_cast<uInt>(end)));
  for (int i = 0; i < 4; ++i) file[end + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
}

Bytes make_module(const ModuleSpec& r) {
  const std::size_t prefix_at = r.function == 5 ? 0 : vector_table;
  if (r.size < prefix_at + prefix_size + suffix_size + 4) throw std::logic_error("a module cannot be that small");
  Bytes file(r.size);
  std::uint32_t noise = r.version * 2654435761U + r.index * 40503U + r.fill_byte;
  for (auto& byte : file) {
    noise = noise * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(noise >> 24);
  }
  // A vector table begins with the initial stack pointer, an address in RAM: so devices recognise it.
  if (prefix_at != 0) put_le32(file, 0, 0x20020000);

  const auto end = r.size - 4;
  const std::uint32_t start = r.start ? *r.start : photon_address(r);
  put_le32(file, prefix_at, start);
  put_le32(file, prefix_at + 4, start + static_cast<std::uint32_t>(end));
  file[prefix_at + 8] = 0;
  file[prefix_at + 9] = r.flags;
  put_le16(file, prefix_at + 10, r.version);
  put_le16(file, prefix_at + 12, r.platform);
  file[prefix_at + 14] = r.function;
  file[prefix_at + 15] = r.index;
  put_needs(file, prefix_at + 16, r.needs1);
  put_needs(file, prefix_at + 20, r.needs2);

  put_le16(file, end - 2, suffix_size);
  put_le16(file, end - 36, 0);
  update_checksums(file);
  return file;
}

Bytes compress(ByteView module) {
  const auto at = prefix_offset(module);
  Bytes packed(deflateBound(nullptr, module.size()));
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = const_cast<Bytef*>(module.data());
  stream.avail_in = static_cast<uInt>(module.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::logic_error("a module could not be compressed");
  packed.resize(stream.total_out);
  deflateEnd(&stream);

  const auto prefix = module.subspan(at, prefix_size);
  const auto suffix = module.subspan(module.size() - 4 - suffix_size, suffix_size);
  Bytes file(prefix.begin(), prefix.end());
  file.resize(prefix_size + 8);
  put_le16(file, prefix_size, 8);
  put_le32(file, prefix_size + 4, static_cast<std::uint32_t>(module.size()));
  append(file, packed);
  append(file, suffix);
  file.resize(file.size() + 4);
  put_le32(file, 4, get_le32(file, 0) + static_cast<std::uint32_t>(file.size() - 4));
  file[9] |= compressed;
  update_checksums(file);
  return file;
}

Bytes combine(ByteView first, ByteView second) {
  Bytes file(first.begin(), first.end());
  file[prefix_offset(first) + 9] |= combined;
  update_checksums(file);
  append(file, second);
  return file;
}

}  // namespace drydock::virtual_device
