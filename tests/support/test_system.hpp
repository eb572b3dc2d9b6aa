// A whole server and its devices in one process on a virtual clock: what most tests of behaviour start from.
#pragma once

#include "server/device_server.hpp"
#include "server/firmware_import.hpp"
#include "server/udp_frontend.hpp"
#include "firmware/files.hpp"
#include "store/writer.hpp"
#include "base/temporary_folder.hpp"
#include "support/network.hpp"
#include "support/world.hpp"
#include "virtual_device/module_builder.hpp"
#include "virtual_device/udp_device.hpp"
#include "virtual_device/virtual_device.hpp"

namespace drydock::testing {

/// Generated once for the whole program; generating takes longer than any test.
const crypto::RsaPrivateKey& server_key();
const crypto::EcPrivateKey& udp_server_key();

/// One of a few device keys, the same for the same number.
virtual_device::DeviceKey device_key(int number);

/// A well-formed module of any platform.
Bytes module_for(std::uint16_t platform, std::uint8_t function, std::uint8_t index, std::uint16_t version,
    virtual_device::ModuleSpec::Needs needs = {}, std::size_t size = 6000);

/// Well-formed Photon modules (function, index, version, dependency).
Bytes system_part(
    std::uint8_t index, std::uint16_t version, virtual_device::ModuleSpec::Needs needs = {}, std::size_t size = 6000);
Bytes user_part(std::uint16_t version, virtual_device::ModuleSpec::Needs needs = {}, std::uint8_t fill_byte = 0);
Bytes bootloader(std::uint16_t version);

class TestSystem {
public:
  explicit TestSystem(unsigned seed = 1);
  ~TestSystem();

  SimulatedWorld world;
  TemporaryFolder folder;
  state::Configuration configuration;
  LinkOptions link;

  server::DeviceServer& server();
  void add_firmware(const Bytes& file, const std::string& name = "test.bin");
  void approve(const std::string& id);
  /// The first device shall have this file of the library.
  void ask_for(const std::string& file);

  /// A Photon with these modules, connecting from now on.
  virtual_device::VirtualDevice& start_device(
      int number, const std::vector<Bytes>& modules, virtual_device::Options options = {});
  /// One of the test's own, connecting from now on.
  void run(virtual_device::VirtualDevice& device);
  static std::string id_of(int number);

  /// A UDP device with these modules, on the network below, connecting from now on.
  /// `scalar`: its private key, 32 bytes; a new one when empty.
  virtual_device::UdpDevice& start_udp_device(
      int number, const std::vector<Bytes>& modules, virtual_device::UdpOptions options = {}, ByteView scalar = {});
  Network& network() { return network_; }
  /// Where the device is from now on.
  void move(int number);
  transport::DtlsDemultiplexer& demultiplexer();
  /// As if its power had been cut, and as it starts again. What was written to the store stays, nothing else.
  void restart();
  void kill();

  /// The device's row as the store has it.
  store::DeviceRow row(int number);
  std::vector<store::StepRow> steps(int number);
  std::vector<store::HistoryRow> history();
  store::Database database();

  bool run_until(Clock::duration by, std::function<bool()> enough) { return world.advance_until(by, enough); }
  bool run_until_state(int number, const std::string& state, Clock::duration by);

  std::vector<std::string> log;
  /// Whether some line of the log has these words in it.
  bool said(const std::string& words) const {
    return std::any_of(
        log.begin(), log.end(), [&](const std::string& line) { return line.find(words) != std::string::npos; });
  }

private:
  struct Running;
  void start();
  void kill_on_postgresql();
  state::StateFolder state_folder() const { return {folder.path(), configuration.store_url}; }
  std::unique_ptr<Running> running_;
  std::vector<std::unique_ptr<virtual_device::VirtualDevice>> devices_;
  Network network_;
  std::map<int, std::unique_ptr<virtual_device::UdpDevice>> udp_devices_;
  std::map<int, transport::UdpEndpoint> addresses_;
};

}  // namespace drydock::testing
