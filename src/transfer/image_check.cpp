#include "transfer/image_check.hpp"

#include "firmware/inventory.hpp"

#include <array>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace drydock::transfer {
namespace {

struct Numbered {
  int code;
  const char* words;
};

template <std::size_t N>
std::string look_up(const std::array<Numbered, N>& table, int code, const char* otherwise) {
  for (const auto& entry : table)
    if (entry.code == code) return fmt::format("{} ({})", entry.words, code);
  return fmt::format("{} ({})", otherwise, code);
}

}  // namespace

std::string system_error_words(int code) {
  constexpr std::array table{
      Numbered{-160, "the operation was aborted on the device"},
      Numbered{-210, "the device was in no state to take an update"},
      Numbered{-219, "the device could not write its flash memory"},
      Numbered{-220, "input or output failed on the device"},
      Numbered{-240, "the device saw a protocol error, or not all of the image"},
      Numbered{-250, "internal error of the device"},
      Numbered{-260, "the device is out of memory"},
      Numbered{-270, "the device refuses the parameters of the update"},
      Numbered{-280, "the device refuses the data"},
      Numbered{-290, "a value was out of the device's range"},
      Numbered{-1300, "the device found no module in the image"},
      Numbered{-1310, "the device does not support this kind of module"},
      Numbered{-1320, "the device's validation of the image failed"},
      Numbered{-1330, "the image arrived damaged: its CRC does not match"},
      Numbered{-1331, "the image does not match what the device had kept of an earlier transfer"},
      Numbered{-1340, "the image needs other modules that the device does not have"},
      Numbered{-1350, "the image is for another place in the device's memory"},
      Numbered{-1351, "the image has the wrong size for the device"},
      Numbered{-1360, "the image is for another platform"},
      Numbered{-1370, "the device does not know the format of the image"},
      Numbered{-1380, "updates are disabled on the device"},
      Numbered{-1390, "the device could not apply the update"},
      Numbered{-1801, "the device is protected and refuses this image"},
  };
  return look_up(table, code, "the device reports an error");
}

std::string protocol_error_words(int code) {
  constexpr std::array table{
      Numbered{0, "no error"},
      Numbered{1, "the device's ping was not answered"},
      Numbered{2, "input or output failed on the device"},
      Numbered{3, "the device was in no state for this message"},
      Numbered{4, "the device has not enough storage"},
      Numbered{5, "the device could not read a message"},
      Numbered{6, "the device could not decrypt a message"},
      Numbered{7, "the device could not encrypt a message"},
      Numbered{8, "the device could not authenticate a message"},
      Numbered{9, "the device reached its bandwidth limit"},
      Numbered{10, "the device waited in vain for a message"},
      Numbered{11, "a message id was missing"},
      Numbered{12, "the connection was reset"},
      Numbered{13, "the device resumed another session"},
      Numbered{32, "the update failed on the device"},
      Numbered{36, "the device saw a CoAP error"},
  };
  return look_up(table, code, "the device gave up the update with an unknown error");
}

ImageCheck parse_image_check(ByteView payload) {
  if (payload.empty()) return {};
  const auto json = nlohmann::json::parse(payload.begin(), payload.end(), nullptr, false);
  if (!json.is_object()) return {};
  const auto r = json.find("r");
  if (r == json.end()) return {};
  if (r->is_number_integer()) {
    const auto code = r->get<std::int64_t>();
    if (code >= 0) return {};
    return {false, system_error_words(static_cast<int>(std::max<std::int64_t>(code, -1'000'000)))};
  }
  if (r->is_string() && r->get<std::string>() == "error")
    return {false, "the device found no valid module in the image"};
  const auto module = json.find("u");
  if (module == json.end() || !module->is_object()) return {};
  const auto bits = [&](const char* key) {
    const auto b = module->find(key);
    return b != module->end() && b->is_number_unsigned() ? b->get<std::uint32_t>() : 0U;
  };
  const auto failed = firmware::validity::failed_words(bits("vc"), bits("vv"));
  if (failed.empty()) return {};
  return {false, "the device checked the image and these checks failed: " + failed};
}

}  // namespace drydock::transfer
