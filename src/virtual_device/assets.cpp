#include "virtual_device/assets.hpp"

#include "virtual_device/device_crypto.hpp"
#include "virtual_device/module_builder.hpp"

#include <functional>
#include <zlib.h>

namespace drydock::virtual_device {
namespace {

constexpr std::size_t prefix_size = 24;
constexpr std::size_t fixed_suffix = 36;
constexpr std::uint8_t function_asset = 9;
constexpr std::uint8_t flag_drop_info = 0x01;
constexpr std::uint8_t flag_compressed = 0x02;
constexpr std::uint16_t type_end = 0x0000;
constexpr std::uint16_t type_hash = 0x0010;
constexpr std::uint16_t type_name = 0x0011;
constexpr std::uint16_t type_asset_dependency = 0x0012;

void put_le16(Bytes& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value));
  to.push_back(static_cast<std::uint8_t>(value >> 8));
}
void put_extension(Bytes& to, std::uint16_t type, ByteView body) {
  put_le16(to, type);
  put_le16(to, body.size() + 4);
  append(to, body);
}
void set_le32(Bytes& in, std::size_t at, std::size_t value) {
  for (std::size_t i = 0; i < 4; ++i) in[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

// Calls back with type and body of each extension in the suffix. `end`: of the module, without its CRC.
void each_extension(ByteView image, std::size_t end, const std::function<void(std::uint16_t, ByteView)>& take) {
  const std::size_t size = get_le16(image, end - 2);
  if (size <= fixed_suffix || size > end) return;
  for (std::size_t at = end - size; at + 4 <= end - fixed_suffix;) {
    const auto type = get_le16(image, at);
    const std::size_t length = get_le16(image, at + 2);
    if (type == type_end || length < 4 || at + length > end - fixed_suffix) return;
    take(type, image.subspan(at + 4, length - 4));
    at += length;
  }
}

Bytes inflated(ByteView deflated, std::size_t size) {
  Bytes content(size);
  z_stream stream{};
  inflateInit2(&stream, -15);
  stream.next_in = const_cast<Bytef*>(deflated.data());
  stream.avail_in = static_cast<uInt>(deflated.size());
  stream.next_out = content.data();
  stream.avail_out = static_cast<uInt>(content.size());
  const int ended = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  return ended == Z_STREAM_END ? content : Bytes();
}

Bytes deflated(ByteView content) {
  Bytes packed(compressBound(static_cast<uLong>(content.size())) + 16);
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = const_cast<Bytef*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// Hash, as extensions write it: type, length, bytes.
Bytes hash_body(ByteView hash) {
  Bytes body{0, static_cast<std::uint8_t>(hash.size())};
  append(body, hash);
  return body;
}

// Suffix with these extensions, and room for the CRC.
void finish(Bytes& file, const Bytes& extensions) {
  append(file, extensions);
  file.resize(file.size() + fixed_suffix - 2);
  put_le16(file, extensions.size() + fixed_suffix);
  set_le32(file, 4, get_le32(file, 0) + file.size());
  file.resize(file.size() + 4);
  update_checksums(file);
}

}  // namespace

std::optional<AssetName> read_asset(ByteView image) {
  if (image.size() < prefix_size + 8 + fixed_suffix + 4 || image[14] != function_asset) return std::nullopt;
  const std::size_t end = get_le32(image, 4) - get_le32(image, 0);
  if (end + 4 != image.size() || (image[9] & flag_drop_info) == 0) return std::nullopt;
  if (get_be32(image, end) != ::crc32(0, image.data(), static_cast<uInt>(end))) return std::nullopt;
  AssetName asset;
  each_extension(image, end, [&](std::uint16_t type, ByteView body) {
    if (type == type_hash && body.size() == 34) asset.hash.assign(body.begin() + 2, body.end());
    if (type == type_name) asset.name.assign(body.begin(), body.end());
  });
  const std::size_t suffix = get_le16(image, end - 2);
  Bytes content;
  if ((image[9] & flag_compressed) != 0)
    content =
        inflated(image.subspan(prefix_size + 8, end - suffix - prefix_size - 8), get_le32(image, prefix_size + 4));
  else
    content.assign(image.begin() + prefix_size, image.begin() + static_cast<std::ptrdiff_t>(end - suffix));
  const auto digest = sha256(content);
  if (asset.name.empty() || !std::equal(digest.begin(), digest.end(), asset.hash.begin(), asset.hash.end()))
    return std::nullopt;
  return asset;
}

std::vector<AssetName> required_assets(ByteView image) {
  std::vector<AssetName> list;
  if (image.size() < prefix_size + fixed_suffix + 4) return list;
  each_extension(image, image.size() - 4, [&](std::uint16_t type, ByteView body) {
    if (type != type_asset_dependency || body.size() < 35) return;
    list.push_back({std::string(body.begin() + 34, body.end()), Bytes(body.begin() + 2, body.begin() + 34)});
  });
  return list;
}

AssetName name_of_asset(const std::string& name, ByteView content) {
  const auto digest = sha256(content);
  return {name, Bytes(digest.begin(), digest.end())};
}

Bytes make_asset(const std::string& name, ByteView content) {
  Bytes file(prefix_size);
  file[9] = flag_drop_info | flag_compressed;
  file[14] = function_asset;
  put_le16(file, 8);  // the header of what is compressed: its size, method and window, the original's size
  put_le16(file, 0);
  file.resize(file.size() + 4);
  set_le32(file, prefix_size + 4, content.size());
  append(file, deflated(content));
  Bytes extensions;
  put_extension(extensions, type_hash, hash_body(name_of_asset(name, content).hash));
  put_extension(extensions, type_name, view_of(name));
  put_extension(extensions, type_end, {});
  finish(file, extensions);
  return file;
}

Bytes with_required_assets(Bytes file, const std::vector<AssetName>& assets) {
  file.resize(file.size() - 4 - fixed_suffix);
  Bytes extensions;
  for (const auto& asset : assets) {
    auto body = hash_body(asset.hash);
    append(body, view_of(asset.name));
    put_extension(extensions, type_asset_dependency, body);
  }
  put_extension(extensions, type_end, {});
  finish(file, extensions);
  return file;
}

}  // namespace drydock::virtual_device
