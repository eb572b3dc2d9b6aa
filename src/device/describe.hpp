// A Describe: what a device says it consists of, as JSON or protobuf, in one part or two (PROTOCOL §4.2).
#pragma once

#include "base/result.hpp"
#include "firmware/inventory.hpp"

#include <string>
#include <vector>

namespace drydock::device {

/// Which part of a Describe is asked for or posted: one byte of Uri-Query.
namespace describe_flag {
inline constexpr std::uint8_t system = 1;
inline constexpr std::uint8_t application = 2;
}  // namespace describe_flag

struct Variable {
  std::string name;
  int type = 0;  ///< 1 bool, 2 int32, 4 string, 9 double
  bool operator==(const Variable&) const = default;
};

struct SystemDescribe {
  std::vector<firmware::InstalledModule> modules;
  std::optional<std::uint16_t> platform;         ///< not in the protobuf form: Hello says it
  std::vector<firmware::Asset> required_assets;  ///< of the application; the protobuf form alone
  std::vector<firmware::Asset> assets;           ///< in the device's storage
  std::string imei;
  std::string iccid;
  std::string modem_firmware;
};

struct ApplicationDescribe {
  std::vector<std::string> functions;
  std::vector<Variable> variables;
};

/// A message may hold either part or both.
struct Describe {
  std::optional<SystemDescribe> system;
  std::optional<ApplicationDescribe> application;
};

/// JSON when it starts with '{', else protobuf's SystemDescribe. Fields of the wrong type, unknown letters and entries
/// without a name are passed over one by one. ErrorKind::malformed when it is neither, ErrorKind::too_large beyond
/// limits::describe.
Result<Describe> parse_describe(ByteView payload);

Result<Describe> parse_describe_json(ByteView payload);
Result<SystemDescribe> parse_describe_protobuf(ByteView payload);

}  // namespace drydock::device
