// Three virtual Photons and a real server, over loopback, with a state folder that goes away afterwards.
#include "service/service.hpp"
#include "server/firmware_import.hpp"
#include "base/asio_tokens.hpp"
#include "base/temporary_folder.hpp"
#include "cli/commands.hpp"
#include "cli/demo_display.hpp"
#include "transport/tcp_stream.hpp"
#include "virtual_device/module_builder.hpp"
#include "virtual_device/virtual_device.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <cstdlib>
#include <fmt/core.h>

namespace drydock::cli {
namespace {

using namespace std::chrono_literals;
using virtual_device::ModuleSpec;
using virtual_device::VirtualDevice;

constexpr auto longest = 5min;

struct Firmware {
  Bytes old_part1, old_part2, part1, part2, application;
};

Bytes part(std::uint8_t index, std::uint16_t version, ModuleSpec::Needs needs, std::size_t size) {
  ModuleSpec recipe;
  recipe.index = index;
  recipe.version = version;
  recipe.needs1 = needs;
  recipe.size = size;
  return virtual_device::make_module(recipe);
}

// The sizes of a real Photon's parts.
Firmware made_up() {
  ModuleSpec application;
  application.function = 5;
  application.version = 3;
  application.needs1 = {4, 2, 3};
  application.size = 4752;
  return {part(1, 1, {}, 248'744), part(2, 1, {4, 1, 1}, 125'272), part(1, 3, {}, 248'732),
      part(2, 3, {4, 1, 3}, 150'508), virtual_device::make_module(application)};
}

Bytes read_or_throw(const std::filesystem::path& file) {
  auto content = firmware::read_file(file, 4 * 1024 * 1024);
  if (!content) throw std::runtime_error(content.error().message);
  return std::move(*content);
}

Firmware from_folder(const std::filesystem::path& folder) {
  return {read_or_throw(folder / "040_system-part1.bin"), read_or_throw(folder / "040_system-part2.bin"),
      read_or_throw(folder / "043_system-part1.bin"), read_or_throw(folder / "043_system-part2.bin"),
      read_or_throw(folder / "043_user-part.bin")};
}

void stock(const std::filesystem::path& state, const Firmware& firmware) {
  const state::StateFolder folder{state};
  if (const auto made = folder.create(); !made) throw std::runtime_error(made.error().message);
  if (const auto keys = state::load_or_create_server_keys(folder); !keys)
    throw std::runtime_error(keys.error().message);
  auto db = store::Database::open(folder.location(), store::Access::read_write);
  const auto add = [&](const Bytes& file, const std::string& name) {
    const auto validated = server::validate_module(file, name);
    if (!validated) throw std::runtime_error(validated.error().message);
    if (const auto added = server::add_to_library(db, folder, *validated); !added)
      throw std::runtime_error(added.error().message);
  };
  add(firmware.part1, "system-part1.bin");
  add(firmware.part2, "system-part2.bin");
}

struct Photon {
  std::string name;
  std::unique_ptr<VirtualDevice> device;
};

Photon make_photon(int number, const std::string& name, const Bytes& server_key, const DemoOptions& how,
    const std::vector<const Bytes*>& modules) {
  virtual_device::Options options;
  options.id = {
      0x3f, 0x00, 0x42, 0x00, 0x0f, 0x47, 0x34, 0x34, 0x32, 0x31, 0x30, static_cast<std::uint8_t>(0x30 + number)};
  options.server_key = server_key;
  if (!how.fast) {
    options.erase_time = 700ms;
    options.chunk_timeout = 4ms;
    options.reset_time = 1s;
  }
  virtual_device::Flash flash(options.platform);
  for (const auto* module : modules) flash.put(*module);
  return {name, std::make_unique<VirtualDevice>(std::move(options), virtual_device::DeviceKey(), std::move(flash))};
}

class Demo {
public:
  Demo(const DemoOptions& options, const Firmware& firmware) : options_(options), firmware_(firmware) {
    stock(state_.path(), firmware_);
    configuration_.state_folder = state_.path();
    configuration_.address = "127.0.0.1";
    configuration_.tcp_port = configuration_.udp_port = 0;
    configuration_.policy = state::Policy::open;
    service_.emplace(loop_, configuration_);
    service_->stop_on_signals();
  }

  int run() {
    asio::co_spawn(loop_, play(), [](std::exception_ptr failed) {
      if (failed) std::rethrow_exception(failed);
    });
    loop_.run();
    if (failure_.empty()) return 0;
    return print_error(failure_);
  }

private:
  asio::awaitable<void> play() {
    const auto started = co_await service_->start();
    if (!started) throw std::runtime_error(started.error().message);
    start_device();
    DemoDisplay display(fmt::format("Drydock on 127.0.0.1:{}, three virtual Photons", service_->tcp_port()));
    const auto deadline = Clock::now() + longest;
    Timer pause(loop_);
    while (!all_current() && failure_.empty()) {
      display.show(rows());
      pause.expires_after(150ms);
      (void)co_await pause.async_wait(as_result);
      if (Clock::now() > deadline) failure_ = "not all devices became current in time";
      if (const auto stuck = somebody_stuck()) failure_ = *stuck;
      if (service_->stopping()) failure_ = "stopped before all devices were current";
    }
    display.show(rows());
    display.finish(failure_.empty() ? "All devices run what they should." : "Not all devices are current.");
    for (auto& photon : photons_) photon.device->stop();
    service_->stop();
  }

  void start_device() {
    const auto key = service_->server_key().public_key_spki();
    const auto& f = firmware_;
    photons_.push_back(
        make_photon(1, "two versions behind", key, options_, {&f.old_part1, &f.old_part2, &f.application}));
    photons_.push_back(make_photon(2, "a system part missing", key, options_, {&f.part2, &f.application}));
    photons_.push_back(make_photon(3, "already current", key, options_, {&f.part1, &f.part2, &f.application}));
    const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), service_->tcp_port());
    for (auto& photon : photons_) {
      virtual_device::Connect connect = [this, server]() -> asio::awaitable<std::shared_ptr<transport::ByteStream>> {
        asio::ip::tcp::socket socket(loop_);
        auto connected = co_await socket.async_connect(server, as_result);
        if (std::get<0>(connected)) co_return nullptr;
        co_return std::make_shared<transport::TcpStream>(std::move(socket));
      };
      asio::co_spawn(loop_, photon.device->run(std::move(connect)), [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
      });
    }
  }

  std::vector<DemoRow> rows() const {
    std::vector<DemoRow> list;
    for (const auto& [id, entry] : service_->server().fleet()) {
      DemoRow row;
      row.name = photons_.at(static_cast<std::size_t>(id.bytes[11] - '1')).name;
      row.id = id.text();
      row.state = entry.row.state;
      row.words = entry.row.state_words;
      row.safe_mode = entry.row.safe_mode;
      row.connected = entry.channel != nullptr;
      for (const auto& step : entry.plan.steps) row.plan.push_back(step.module.title() + " – " + step.reason);
      if (entry.transfer) {
        row.sending = entry.transfer->step.module.title();
        row.bytes = entry.transfer->bytes;
        row.total = entry.transfer->step.module.size;
      }
      list.push_back(std::move(row));
    }
    return list;
  }

  bool all_current() const {
    const auto& fleet = service_->server().fleet();
    return fleet.size() == photons_.size() &&
        std::all_of(fleet.begin(), fleet.end(),
            [](const auto& m) { return m.second.row.state == "current" && m.second.channel; }) &&
        std::none_of(photons_.begin(), photons_.end(), [](const Photon& p) { return p.device->flash().safe_mode(); });
  }
  std::optional<std::string> somebody_stuck() const {
    for (const auto& [id, entry] : service_->server().fleet())
      if (entry.row.state == "blocked" || entry.row.state == "parked") return id.text() + ": " + entry.row.state_words;
    return std::nullopt;
  }

  DemoOptions options_;
  const Firmware& firmware_;
  TemporaryFolder state_;
  state::Configuration configuration_;
  asio::io_context loop_{1};
  std::optional<service::Service> service_;
  std::vector<Photon> photons_;
  std::string failure_;
};

}  // namespace

int demo(const DemoOptions& given) {
  auto options = given;
  if (const char* folder = std::getenv("DRYDOCK_FIRMWARE_DIR"); options.firmware.empty() && folder)
    options.firmware = folder;
  if (log::enabled(log::Level::debug) == false) log::set_threshold(log::Level::error);
  const auto firmware = options.firmware.empty() ? made_up() : from_folder(options.firmware);
  Demo demo(options, firmware);
  return demo.run();
}

}  // namespace drydock::cli
