// What is in a virtual device's flash memory, how it describes it, and what it accepts over the air: the device's own
// rules (PROTOCOL §4.2, §6.8), written without the server's parser or planner.
#pragma once

#include "base/bytes.hpp"
#include "virtual_device/assets.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace drydock::virtual_device {

struct Need {
  std::uint8_t function = 0;
  std::uint8_t index = 0;
  std::uint16_t version = 0;
};

struct FlashModule {
  std::uint8_t function = 0;
  std::uint8_t index = 0;
  std::uint16_t version = 0;
  std::uint16_t platform = 0;
  std::uint32_t slot_size = 0;
  std::vector<Need> needs;
  std::string suffix_hash;  ///< upper-case hex
  bool crc_ok = true;
  std::vector<AssetName> required_assets{};
};

/// Reads an image as a device does; nothing when it finds no module.
std::optional<FlashModule> read_image(ByteView image);

/// The modules an image brings: each on its own of a combined one, each unpacked (PROTOCOL §6.5, §6.6); nothing when it
/// is damaged.
std::vector<Bytes> unpack_image(ByteView image);

class Flash;

/// What differs between the releases of Device OS in how a module is received.
struct ReceptionRules {
  bool second_dependency = true;  ///< looked at; 0.7.0 and later
  bool reverse_check = true;      ///< a system part must not take from another what that needs; 0.5.3 and later
  /// The slots that the release knows, by function and index: a module for another one is refused, and a stray one
  /// is not described. Nothing: all are known.
  std::optional<std::set<std::pair<std::uint8_t, std::uint8_t>>> slots;
};

class Flash {
public:
  explicit Flash(std::uint16_t platform) : platform_(platform) {}

  /// Asked anew whenever it matters, because what is installed decides which release runs.
  using RulesOf = std::function<ReceptionRules(const Flash&)>;
  void set_rules(RulesOf rules) { rules_ = std::move(rules); }

  void put(const FlashModule& module);
  /// All modules of the image.
  void put(ByteView image);
  void erase(std::uint8_t function, std::uint8_t index) { modules_.erase({function, index}); }

  /// The system error of the over-the-air check, 0 when the image may be applied. Its order: integrity, slot,
  /// dependencies, siblings, platform.
  int check_image(ByteView image) const;

  const std::set<AssetName>& assets() const { return assets_; }

  /// Whether the device does not start its application: there is none, a module is damaged or lacks what it needs,
  /// checked strictly, or an asset is missing.
  bool safe_mode() const;
  bool has_application() const;

  std::string describe_json(bool first_need_only) const;
  Bytes describe_protobuf() const;

  const std::map<std::pair<std::uint8_t, std::uint8_t>, FlashModule>& modules() const { return modules_; }
  std::optional<std::uint16_t> version(std::uint8_t function, std::uint8_t index) const;

private:
  int check_module(const FlashModule& module, const ReceptionRules& rules) const;
  ReceptionRules rules() const { return rules_ ? rules_(*this) : ReceptionRules{}; }
  std::vector<const FlashModule*> described() const;
  bool meets(const Need& need) const;
  unsigned passed(const FlashModule& module) const;

  std::uint16_t platform_;
  RulesOf rules_;
  std::map<std::pair<std::uint8_t, std::uint8_t>, FlashModule> modules_;
  std::set<AssetName> assets_;
};

}  // namespace drydock::virtual_device
