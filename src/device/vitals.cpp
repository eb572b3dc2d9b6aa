#include "device/vitals.hpp"

#include <array>

namespace drydock::device {
namespace {

constexpr std::array<std::uint8_t, 3> kind{0, 4, 0};  // binary, and 16 bits that say which
constexpr std::size_t head = kind.size() + 4;
constexpr std::uint16_t is_error = 0x8000;

}  // namespace

bool is_vitals(ByteView body) {
  return body.size() >= kind.size() && std::equal(kind.begin(), kind.end(), body.begin());
}

Result<std::vector<Vital>> parse_vitals(ByteView body) {
  if (!is_vitals(body) || body.size() < head) return failure(ErrorKind::malformed, "these are no vitals");
  const std::size_t id_size = get_le16(body, 3);
  const std::size_t value_size = get_le16(body, 5);
  if (id_size != 2 || value_size != 4)
    return failure(ErrorKind::malformed, "vitals of another size than 2 bytes of id and 4 of value");
  if ((body.size() - head) % (id_size + value_size) != 0)
    return failure(ErrorKind::malformed, "the last of the vitals is cut off");
  constexpr std::size_t most = 128;  // Device OS 6.2 has some forty, applications may add theirs
  if ((body.size() - head) / (id_size + value_size) > most) return failure(ErrorKind::malformed, "too many vitals");
  std::vector<Vital> vitals;
  for (std::size_t at = head; at < body.size(); at += id_size + value_size) {
    const auto id = get_le16(body, at);
    if ((id & is_error) == 0) vitals.push_back({id, static_cast<std::int32_t>(get_le32(body, at + 2))});
  }
  return vitals;
}

}  // namespace drydock::device
