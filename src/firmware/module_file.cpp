#include "firmware/module_file.hpp"

#include "base/limits.hpp"

#include <fmt/core.h>
#include <zlib.h>

namespace drydock::firmware {
namespace {

constexpr std::size_t prefix_size = 24;
constexpr std::size_t compression_header_size = 8;
constexpr std::uint8_t method_raw_deflate = 0;
constexpr std::size_t plain_suffix_size = 36;

/// ErrorKind::malformed when it does not end, or is not as long as its header says.
Result<Bytes> unpack(ByteView module_without_crc, const Module& module) {
  const auto tail = std::max<std::size_t>(module.suffix.size, plain_suffix_size);
  if (module_without_crc.size() < prefix_size + compression_header_size + tail)
    return failure(ErrorKind::malformed, "it is too short for a compressed module");
  const auto packed = module_without_crc.subspan(prefix_size, module_without_crc.size() - prefix_size - tail);
  const std::size_t header_size = get_le16(packed, 0);
  const auto method = packed[2];
  const int window_bits = packed[3] == 0 ? MAX_WBITS : packed[3];
  const std::size_t original_size = get_le32(packed, 4);
  if (method != method_raw_deflate || window_bits < 8 || window_bits > MAX_WBITS ||
      header_size < compression_header_size || header_size > packed.size())
    return failure(
        ErrorKind::malformed, fmt::format("it is compressed in a way devices do not know (method {})", method));
  if (original_size == 0 || original_size > limits::module_file)
    return failure(ErrorKind::malformed, fmt::format("it claims to unpack to {} bytes", original_size));

  Bytes original(original_size);
  const auto deflated = packed.subspan(header_size);
  z_stream stream{};
  // zlib cannot unpack with a window of 2^8 what was packed so; a larger one does no harm.
  if (inflateInit2(&stream, -std::max(window_bits, 9)) != Z_OK)
    return failure(ErrorKind::internal, "zlib could not be set up");
  stream.next_in = const_cast<Bytef*>(deflated.data());
  stream.avail_in = static_cast<uInt>(deflated.size());
  stream.next_out = original.data();
  stream.avail_out = static_cast<uInt>(original.size());
  const int ended = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  if (ended != Z_STREAM_END || stream.avail_out != 0 || stream.avail_in != 0)
    return failure(ErrorKind::malformed,
        fmt::format("what is compressed in it is damaged, or not the {} bytes it claims", original_size));
  return original;
}

// What a device keeps of an asset's module: neither prefix nor suffix.
Result<Bytes> asset_content(ByteView file, const Module& module) {
  const auto without_crc = file.first(module.prefix.module_size() - sizeof(std::uint32_t));
  if ((module.prefix.flags & flag::compressed) != 0) return unpack(without_crc, module);
  std::size_t begin = module.prefix.offset + prefix_size;
  if (!module.prefix.extensions.empty()) {
    constexpr std::size_t extension_header_size = 4;
    const auto& last = module.prefix.extensions.back();
    begin = last.offset + extension_header_size + last.body.size();
  }
  const auto tail = std::max<std::size_t>(module.suffix.size, plain_suffix_size);
  if (without_crc.size() < begin + tail) return failure(ErrorKind::malformed, "it is too short for an asset");
  const auto content = without_crc.subspan(begin, without_crc.size() - begin - tail);
  return Bytes(content.begin(), content.end());
}

Result<Member> read_member(ByteView file) {
  auto module = parse_module(file);
  if (!module) return tl::unexpected(module.error());
  Member member{std::move(*module), std::nullopt, ""};
  const auto& p = member.module.prefix;
  if (p.key.function == Function::asset && member.module.crc_ok()) {
    auto content = asset_content(file, member.module);
    if (!content) return tl::unexpected(content.error());
    member.asset_sha256 = to_hex(crypto::sha256(*content));
  }
  // Assets are packed without their prefix and suffix: nothing in them can be looked at.
  if ((p.flags & flag::compressed) == 0 || (p.flags & flag::drop_module_info) != 0 || !member.module.crc_ok())
    return member;
  const auto original = unpack(file.first(p.module_size() - sizeof(std::uint32_t)), member.module);
  if (!original) return tl::unexpected(original.error());
  auto inner = parse_module(*original);
  if (!inner) return failure(ErrorKind::malformed, "what is compressed in it is no module: " + inner.error().message);
  member.original = std::move(*inner);
  return member;
}

Result<void> check_compressed(const Member& member) {
  const auto& p = member.module.prefix;
  if ((p.flags & flag::compressed) == 0) return {};
  if (p.key.function != Function::system_part && p.key.function != Function::user_part &&
      p.key.function != Function::asset)
    return failure(ErrorKind::refused,
        fmt::format("it is compressed, and no device unpacks a {}: add it as it was before", p.key.name()));
  if (!member.original) return {};
  const auto& original = member.original->prefix;
  if (original.key != p.key || original.platform != p.platform || original.version != p.version)
    return failure(ErrorKind::refused,
        fmt::format("it says {} {} version {}, what is compressed in it is {} {} version {}", platform_name(p.platform),
            p.key.name(), p.version, platform_name(original.platform), original.key.name(), original.version));
  if (member.original->dependencies() != member.module.dependencies())
    return failure(ErrorKind::refused, "it says to need something else than what is compressed in it");
  if (auto fits = check(*member.original); !fits)
    return failure(fits.error().kind, "what is compressed in it: " + fits.error().message);
  return {};
}

}  // namespace

Result<ModuleFile> read_module_file(ByteView file) {
  constexpr std::size_t most_members = 2;
  ModuleFile result;
  bool more = true;
  while (more) {
    const bool second = !result.members.empty();
    if (result.members.size() == most_members)
      return failure(
          ErrorKind::malformed, fmt::format("it combines more than {} modules, which no device takes", most_members));
    auto member = read_member(file.subspan(result.size));
    if (!member) return failure(member.error().kind, (second ? "its second module: " : "") + member.error().message);
    more = (member->module.prefix.flags & flag::combined) != 0;
    if (more && member->module.padding == 0)
      return failure(ErrorKind::malformed, "it should be two modules combined, and the second is not there");
    result.size += member->module.prefix.module_size();
    result.members.push_back(std::move(*member));
  }
  const auto behind = parse_module(file.subspan(result.size));
  result.more_behind = behind && behind->crc_ok();
  return result;
}

Result<void> check(const ModuleFile& file) {
  if (file.more_behind)
    return failure(ErrorKind::refused,
        "there is another module behind it, and nothing says that they belong together: add each as a file of its own");
  for (const auto& member : file.members) {
    const auto asset = asset_in(member.module);
    if (asset && asset->sha256 != member.asset_sha256)
      return failure(ErrorKind::refused,
          "the SHA-256 of its content is not the one that its header says: make it again with particle-cli");
    if (auto good = check(member.module); !good) return good;
    if (auto good = check_compressed(member); !good) return good;
    if (member.module.prefix.platform != file.members.front().module.prefix.platform)
      return failure(ErrorKind::refused, "it combines modules of different platforms");
  }
  // Assets are of any platform, and say 0.
  if (file.members.front().module.key().function == Function::asset) return {};
  const auto* platform = find_platform(file.members.front().module.prefix.platform);
  if (platform != nullptr && platform->max_binary != 0 && file.size > platform->max_binary)
    return failure(ErrorKind::refused,
        fmt::format("it has {} bytes; its platform, {}, has room for {} when it receives an update", file.size,
            platform->name, platform->max_binary));
  return {};
}

}  // namespace drydock::firmware
