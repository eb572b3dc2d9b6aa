// What is known of each Particle platform (PROTOCOL §1): names, transports, and where modules may be installed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::firmware {

/// Of a device that has not yet said which one it is.
inline constexpr std::uint16_t unknown_platform = 0xFFFF;

/// What a module is, by the number in its file and in a protobuf Describe (PROTOCOL §1.2). Unknown numbers are kept.
enum class Function : std::uint8_t {
  none = 0,
  resource = 1,
  bootloader = 2,
  monolithic = 3,
  system_part = 4,
  user_part = 5,
  settings = 6,
  ncp = 7,
  radio_stack = 8,
  asset = 9,
};

/// "system part 2", "bootloader", …: the name people use; index 0 and single modules go without a number.
std::string module_name(Function function, std::uint8_t index);

/// The letter of a JSON Describe; nothing for functions that have none.
std::optional<char> describe_letter(Function function);
std::optional<Function> function_of_letter(char letter);

enum class Transport { tcp, udp, other };

struct Platform {
  std::uint16_t id;
  std::string_view name;  ///< "Photon"
  std::string_view key;   ///< "photon": in file names and on the command line
  Transport transport;
  std::uint32_t max_binary;  ///< bytes of the OTA region; 0 when unknown
  bool cellular = false;     ///< keeps its connection with few datagrams (PROTOCOL §3.8)
};

const Platform* find_platform(std::uint16_t id);
const Platform* find_platform(std::string_view name_key_or_number);

/// Whether the platform runs one image that holds system and application (the Core), and says in no Describe which.
bool is_monolithic(std::uint16_t platform);

/// "Photon", or "platform 77".
std::string platform_name(std::uint16_t id);
/// Platforms whose name has this in it, in lower or upper case.
std::vector<std::uint16_t> platforms_like(std::string part);

/// Where a module of this kind is installed: addresses. Its start must not be before `begin`, its end (exclusive,
/// without the CRC) not behind `end`. A device itself looks at the end alone.
struct Slot {
  std::uint32_t begin;
  std::uint32_t end;
  std::uint32_t max_size() const { return end - begin; }
};

/// Nothing where the table does not know better; then the device's own check is the only one. Where a slot moved
/// between releases it is the range that holds all of them.
std::optional<Slot> find_slot(std::uint16_t platform, Function function, std::uint8_t index);

}  // namespace drydock::firmware
