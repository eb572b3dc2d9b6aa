#include "transport/dtls/record.hpp"

#include <algorithm>

namespace drydock::transport::dtls {
namespace {

constexpr std::uint8_t version_major = 0xfe;
constexpr std::uint8_t version_1_2 = 0xfd;
constexpr std::uint8_t version_1_0 = 0xff;
constexpr std::size_t explicit_nonce_size = 8;

void put_number(Bytes& to, EpochAndSequence number) {
  put_be32(to, static_cast<std::uint32_t>(number >> 32));
  put_be32(to, static_cast<std::uint32_t>(number));
}

Bytes nonce_of(const FixedIv& iv, ByteView explicit_part) {
  Bytes nonce(iv.begin(), iv.end());
  append(nonce, explicit_part);
  return nonce;
}

Bytes additional_data(
    ContentType type, EpochAndSequence number, const std::optional<ConnectionId>& id, std::size_t size) {
  Bytes data;
  put_number(data, number);
  data.push_back(static_cast<std::uint8_t>(type));
  data.push_back(version_major);
  data.push_back(version_1_2);
  if (id) {
    append(data, *id);
    data.push_back(connection_id_size);
  }
  put_be16(data, static_cast<std::uint16_t>(size));
  return data;
}

Bytes record_header(ContentType type, EpochAndSequence number, std::size_t size) {
  Bytes header;
  header.reserve(record_header_size + size);
  header.push_back(static_cast<std::uint8_t>(type));
  header.push_back(version_major);
  header.push_back(version_1_2);
  put_number(header, number);
  put_be16(header, static_cast<std::uint16_t>(size));
  return header;
}

// The real type is the last byte that is not 0.
std::optional<Opened> unwrap(Bytes inner) {
  while (!inner.empty() && inner.back() == 0) inner.pop_back();
  if (inner.empty()) return std::nullopt;
  Opened opened;
  opened.type = static_cast<ContentType>(inner.back());
  inner.pop_back();
  opened.content = std::move(inner);
  return opened;
}

}  // namespace

std::optional<Record> take_record(ByteView& datagram) {
  if (datagram.size() < record_header_size) return std::nullopt;
  if (datagram[1] != version_major || (datagram[2] != version_1_2 && datagram[2] != version_1_0)) return std::nullopt;
  Record record;
  record.type = static_cast<ContentType>(datagram[0]);
  record.number = std::uint64_t{get_be32(datagram, 3)} << 32 | get_be32(datagram, 7);
  if (datagram[2] == version_1_0 && record.epoch() != 0) return std::nullopt;
  std::size_t at = 11;
  if (record.type == ContentType::connection_id || record.type == ContentType::resumed) {
    if (datagram.size() < record_header_size + connection_id_size) return std::nullopt;
    std::copy_n(
        datagram.begin() + static_cast<std::ptrdiff_t>(at), connection_id_size, record.connection_id.emplace().begin());
    at += connection_id_size;
  }
  const std::size_t length = get_be16(datagram, at);
  at += 2;
  if (datagram.size() - at < length) return std::nullopt;
  record.fragment = datagram.subspan(at, length);
  datagram = datagram.subspan(at + length);
  return record;
}

Bytes plain_record(ContentType type, EpochAndSequence number, ByteView fragment) {
  auto record = record_header(type, number, fragment.size());
  append(record, fragment);
  return record;
}

std::optional<Opened> open(const Record& record, const Protection& with) {
  constexpr std::size_t overhead = explicit_nonce_size + crypto::ccm_tag_size;
  if (record.fragment.size() < overhead) return std::nullopt;
  const auto nonce = nonce_of(with.iv, record.fragment.first(explicit_nonce_size));
  // Type 253 was 25 when the device encrypted it.
  const auto type = record.type == ContentType::resumed ? ContentType::connection_id : record.type;
  const auto additional = additional_data(type, record.number, record.connection_id, record.fragment.size() - overhead);
  auto content = crypto::aes_ccm_8_open(with.key, nonce, additional, record.fragment.subspan(explicit_nonce_size));
  if (!content) return std::nullopt;
  if (record.connection_id) return unwrap(std::move(*content));
  return Opened{type, std::move(*content)};
}

Bytes sealed_record(ContentType type, EpochAndSequence number, ByteView content, const Protection& with) {
  Bytes explicit_nonce;
  put_number(explicit_nonce, number);
  const auto ciphertext = crypto::aes_ccm_8_seal(with.key, nonce_of(with.iv, explicit_nonce),
      additional_data(type, number, std::nullopt, content.size()), content);
  auto record = record_header(type, number, explicit_nonce_size + ciphertext.size());
  append(record, explicit_nonce);
  append(record, ciphertext);
  return record;
}

}  // namespace drydock::transport::dtls
