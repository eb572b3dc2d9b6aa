#include "firmware/platforms.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <fmt/core.h>

namespace drydock::firmware {
namespace {

constexpr std::uint32_t kib = 1024;

// PROTOCOL §1.1; OTA region sizes from §1.3.
constexpr std::array platforms{
    Platform{0, "Core", "core", Transport::tcp, 108'000},
    Platform{3, "virtual device", "gcc", Transport::tcp, 0},
    Platform{6, "Photon", "photon", Transport::tcp, 256 * kib},
    Platform{8, "P1", "p1", Transport::tcp, 256 * kib},
    Platform{10, "Electron", "electron", Transport::udp, 128 * kib, true},
    Platform{12, "Argon", "argon", Transport::udp, 1'536'000},
    Platform{13, "Boron", "boron", Transport::udp, 1'536'000, true},
    Platform{14, "Xenon", "xenon", Transport::udp, 1'536'000},
    Platform{15, "E SoM X", "esomx", Transport::udp, 1'536'000, true},
    Platform{22, "A SoM", "asom", Transport::udp, 1'536'000},
    Platform{23, "B SoM", "bsom", Transport::udp, 1'536'000, true},
    Platform{24, "X SoM", "xsom", Transport::udp, 1'536'000},
    Platform{25, "B5 SoM", "b5som", Transport::udp, 1'536'000, true},
    Platform{26, "Tracker", "tracker", Transport::udp, 1'536'000, true},
    Platform{28, "Tracker M", "trackerm", Transport::udp, 1'572'864, true},
    Platform{31, "Raspberry Pi", "raspi", Transport::tcp, 0},
    Platform{32, "P2 / Photon 2", "p2", Transport::udp, 1'572'864},
    Platform{35, "M SoM", "msom", Transport::udp, 1'572'864, true},
    Platform{37, "Electron 2", "electron2", Transport::udp, 1'536'000, true},
    Platform{42, "Tachyon", "tachyon", Transport::other, 0},
    Platform{43, "Linux", "linux", Transport::other, 0},
    Platform{82, "Digistump Oak", "oak", Transport::tcp, 0},
    Platform{88, "RedBear Duo", "duo", Transport::tcp, 0},
    Platform{103, "Bluz", "bluz", Transport::tcp, 0},
};

struct KnownSlot {
  std::uint16_t platform;
  Function function;
  std::uint8_t index;
  Slot slot;
};

// PROTOCOL §1.3. One slot of the nRF52840 family moved between releases: of system part 1 the widest range is given.
constexpr std::array stm32_slots{
    KnownSlot{0, Function::monolithic, 0, {0x08005000, 0x08020000}},
    KnownSlot{6, Function::bootloader, 0, {0x08000000, 0x08004000}},
    KnownSlot{6, Function::system_part, 1, {0x08020000, 0x08060000}},
    KnownSlot{6, Function::system_part, 2, {0x08060000, 0x080A0000}},
    KnownSlot{6, Function::user_part, 1, {0x080A0000, 0x080C0000}},
    KnownSlot{8, Function::bootloader, 0, {0x08000000, 0x08004000}},
    KnownSlot{8, Function::system_part, 1, {0x08020000, 0x08060000}},
    KnownSlot{8, Function::system_part, 2, {0x08060000, 0x080A0000}},
    KnownSlot{8, Function::user_part, 1, {0x080A0000, 0x080C0000}},
    KnownSlot{10, Function::bootloader, 0, {0x08000000, 0x08004000}},
    KnownSlot{10, Function::system_part, 1, {0x08020000, 0x08040000}},
    KnownSlot{10, Function::system_part, 2, {0x08040000, 0x08060000}},
    KnownSlot{10, Function::system_part, 3, {0x08060000, 0x08080000}},
    KnownSlot{10, Function::user_part, 1, {0x08080000, 0x080A0000}},
};

struct FamilySlot {
  Function function;
  std::uint8_t index;
  Slot slot;
};

constexpr std::array<std::uint16_t, 10> nrf52840_family{12, 13, 14, 15, 22, 23, 24, 25, 26, 37};
constexpr std::array nrf52840_slots{
    FamilySlot{Function::bootloader, 0, {0xF4000, 0x100000}},
    FamilySlot{Function::system_part, 1, {0x28000, 0xD4000}},
    FamilySlot{Function::user_part, 1, {0xD4000, 0xF4000}},
    FamilySlot{Function::user_part, 2, {0xB4000, 0xF4000}},
    FamilySlot{Function::radio_stack, 0, {0x1000, 0x27000}},
};

constexpr std::array<std::uint16_t, 3> rtl872x_family{28, 32, 35};
// Up to 5.4.1 system and user part had 2 MiB each: the widest range is given.
constexpr std::array rtl872x_slots{
    FamilySlot{Function::bootloader, 0, {0x08004000, 0x08014000}},
    FamilySlot{Function::bootloader, 1, {0x08000000, 0x08002000}},
    FamilySlot{Function::bootloader, 2, {0x08014000, 0x0805E000}},
    FamilySlot{Function::system_part, 1, {0x08060000, 0x08260000}},
    FamilySlot{Function::user_part, 1, {0x08400000, 0x08600000}},
};

template <class Families, class Slots>
std::optional<Slot> find_in_family(
    const Families& family, const Slots& known, std::uint16_t platform, Function function, std::uint8_t index) {
  if (std::find(family.begin(), family.end(), platform) == family.end()) return std::nullopt;
  const auto found = std::find_if(
      known.begin(), known.end(), [&](const FamilySlot& s) { return s.function == function && s.index == index; });
  return found == known.end() ? std::nullopt : std::optional(found->slot);
}

struct Letter {
  Function function;
  char letter;
};

// PROTOCOL §1.2.
constexpr std::array letters{
    Letter{Function::resource, 'r'},
    Letter{Function::bootloader, 'b'},
    Letter{Function::monolithic, 'm'},
    Letter{Function::system_part, 's'},
    Letter{Function::user_part, 'u'},
    Letter{Function::ncp, 'c'},
    Letter{Function::radio_stack, 'a'},
    Letter{Function::asset, 't'},
};

std::string letters_and_digits(std::string_view text) {
  std::string kept;
  for (const unsigned char c : text)
    if (std::isalnum(c)) kept += static_cast<char>(std::tolower(c));
  return kept;
}

}  // namespace

std::string module_name(Function function, std::uint8_t index) {
  switch (function) {
    case Function::bootloader: return index == 0 ? "bootloader" : fmt::format("bootloader part {}", index);
    case Function::system_part: return fmt::format("system part {}", index);
    case Function::user_part: return index <= 1 ? "application" : fmt::format("application {}", index);
    case Function::monolithic: return "monolithic firmware";
    case Function::ncp: return "network co-processor firmware";
    case Function::radio_stack: return "radio stack";
    case Function::asset: return "asset";
    case Function::resource: return "resource";
    case Function::settings: return "settings";
    case Function::none: return "nothing";
  }
  return fmt::format("module of unknown function {} index {}", static_cast<int>(function), index);
}

std::optional<char> describe_letter(Function function) {
  for (const auto& l : letters)
    if (l.function == function) return l.letter;
  return std::nullopt;
}

std::optional<Function> function_of_letter(char letter) {
  for (const auto& l : letters)
    if (l.letter == letter) return l.function;
  return std::nullopt;
}

const Platform* find_platform(std::uint16_t id) {
  const auto found = std::find_if(platforms.begin(), platforms.end(), [id](const Platform& p) { return p.id == id; });
  return found == platforms.end() ? nullptr : &*found;
}

const Platform* find_platform(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) return find_platform(number);
  // Spelled as "Tracker M", "tracker-m" or "trackerm"; "P2 / Photon 2" are two names.
  const auto wanted = letters_and_digits(text);
  if (wanted == "photon2") return find_platform(std::uint16_t{32});
  const auto found = std::find_if(platforms.begin(), platforms.end(),
      [&](const Platform& p) { return letters_and_digits(p.name) == wanted || letters_and_digits(p.key) == wanted; });
  return found == platforms.end() ? nullptr : &*found;
}

bool is_monolithic(std::uint16_t platform) {
  return find_slot(platform, Function::monolithic, 0).has_value();
}

std::string platform_name(std::uint16_t id) {
  const auto* platform = find_platform(id);
  if (platform == nullptr && id == unknown_platform) return "unknown";
  return platform ? std::string(platform->name) : fmt::format("platform {}", id);
}

std::optional<Slot> find_slot(std::uint16_t platform, Function function, std::uint8_t index) {
  for (const auto& known : stm32_slots)
    if (known.platform == platform && known.function == function && known.index == index) return known.slot;
  if (const auto slot = find_in_family(nrf52840_family, nrf52840_slots, platform, function, index)) return slot;
  return find_in_family(rtl872x_family, rtl872x_slots, platform, function, index);
}

std::vector<std::uint16_t> platforms_like(std::string part) {
  constexpr std::uint16_t ids = 256;  // Particle's are below 40
  const auto lower = [](std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
  };
  part = lower(std::move(part));
  std::vector<std::uint16_t> platforms;
  for (std::uint16_t id = 0; id < ids; ++id)
    if (lower(platform_name(id)).find(part) != std::string::npos) platforms.push_back(id);
  return platforms;
}

}  // namespace drydock::firmware
