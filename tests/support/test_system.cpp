#include "support/test_system.hpp"

#include "store/postgresql_engine.hpp"
#include "support/any_engine.hpp"
#include "server/commands.hpp"

#include <asio/co_spawn.hpp>

namespace drydock::testing {

using virtual_device::ModuleSpec;

const crypto::RsaPrivateKey& server_key() {
  static const auto key = crypto::RsaPrivateKey::generate(2048);
  return key;
}

const crypto::EcPrivateKey& udp_server_key() {
  static const auto key = crypto::EcPrivateKey::generate();
  return key;
}

virtual_device::DeviceKey device_key(int number) {
  static std::map<int, Bytes> keys;
  auto& der = keys[number];
  if (der.empty()) {
    const auto key = crypto::RsaPrivateKey::generate(1024);
    const auto pem = key.to_pem();
    der.assign(pem.begin(), pem.end());
  }
  return virtual_device::DeviceKey::from_pem(der);
}

Bytes module_for(std::uint16_t platform, std::uint8_t function, std::uint8_t index, std::uint16_t version,
    ModuleSpec::Needs needs, std::size_t size) {
  ModuleSpec r;
  r.platform = platform;
  r.function = function;
  r.index = index;
  r.version = version;
  r.needs1 = needs;
  r.size = size;
  if (const auto slot = firmware::find_slot(platform, static_cast<firmware::Function>(function), index))
    r.start = slot->begin;
  return virtual_device::make_module(r);
}

Bytes system_part(std::uint8_t index, std::uint16_t version, ModuleSpec::Needs needs, std::size_t size) {
  ModuleSpec r;
  r.function = 4;
  r.index = index;
  r.version = version;
  r.needs1 = needs;
  r.size = size;
  return virtual_device::make_module(r);
}

Bytes user_part(std::uint16_t version, ModuleSpec::Needs needs, std::uint8_t fill_byte) {
  ModuleSpec r;
  r.function = 5;
  r.version = version;
  r.needs1 = needs;
  r.size = 3000;
  r.fill_byte = fill_byte;
  return virtual_device::make_module(r);
}

Bytes bootloader(std::uint16_t version) {
  ModuleSpec r;
  r.function = 2;
  r.index = 0;
  r.version = version;
  r.size = 2000;
  return virtual_device::make_module(r);
}

struct TestSystem::Running {
  Running(SimulatedWorld& world, const state::StateFolder& folder, const state::Configuration& configuration)
      : files(folder.firmware()),
        writer(store::Writer::on_loop(
            std::make_shared<store::Database>(store::Database::open(folder.location(), store::Access::read_write)),
            world.loop.get_executor())),
        server(
            server::Services{world.loop, *writer, files, server_key(), world.random, crypto::Workers()}, configuration),
        udp(server::UdpFrontend::Services{
            world.loop, *writer, udp_server_key(), world.random, crypto::Workers(), server}) {}
  firmware::ModuleFiles files;
  std::unique_ptr<store::Writer> writer;
  server::DeviceServer server;
  server::UdpFrontend udp;
};

TestSystem::TestSystem(unsigned seed) : world(seed), network_(world) {
  configuration.policy = state::Policy::open;
  configuration.state_folder = folder.path();
  configuration.store_url = fresh_postgresql().value_or("");
  (void)state_folder().create();
  log::set_sink([this](log::Level, std::string_view line) { log.emplace_back(line); });
}

TestSystem::~TestSystem() {
  for (auto& device : devices_) device->stop();
  for (auto& [number, device] : udp_devices_) device->stop();
  if (running_) running_->server.stop();
  world.run_until_idle();
  log::set_sink({});
  // Boost prints it when a test fails and --log_level=message asks for it.
  if (std::getenv("DRYDOCK_TEST_LOG"))
    for (const auto& line : log) std::fprintf(stderr, "    %s\n", line.c_str());
}

void TestSystem::start() {
  running_ = std::make_unique<Running>(world, state_folder(), configuration);
  world.spawn([this]() -> asio::awaitable<void> {
    const auto started = co_await running_->server.start();
    if (!started) throw std::runtime_error(started.error().message);
    const auto taken_up = co_await running_->udp.start();
    if (!taken_up) throw std::runtime_error(taken_up.error().message);
  });
  running_->udp.set_sender([this](ByteView datagram, const transport::UdpEndpoint& to) {
    network_.server_sends(datagram);
    for (const auto& [number, at] : addresses_)
      if (at == to) network_.to_device(number, datagram);
  });
  world.run_until_idle();
}

server::DeviceServer& TestSystem::server() {
  if (!running_) start();
  return running_->server;
}

void TestSystem::add_firmware(const Bytes& file, const std::string& name) {
  auto db = database();
  const auto validated = server::validate_module(file, name);
  if (!validated) throw std::runtime_error(validated.error().message);
  const auto added = server::add_to_library(db, {folder.path()}, *validated);
  if (!added) throw std::runtime_error(added.error().message);
  if (!running_) return;
  world.spawn([this]() -> asio::awaitable<void> { (void)co_await running_->server.apply_changes(); });
  world.run_until_idle();
}

void TestSystem::approve(const std::string& id) {
  {
    auto db = database();
    store::set_approval(db, id, "approved");
  }
  world.spawn([this]() -> asio::awaitable<void> { (void)co_await running_->server.apply_changes(); });
  world.run_until_idle();
}

void TestSystem::ask_for(const std::string& file) {
  {
    auto db = database();
    const auto target = server::commands::add_target(db, *store::load_device(db, id_of(1)), file);
    if (!target) throw std::runtime_error(target.error().message);
  }
  approve(id_of(1));
}

std::string TestSystem::id_of(int number) {
  transport::DeviceId id;
  id.bytes[11] = static_cast<std::uint8_t>(number);
  return id.text();
}

virtual_device::VirtualDevice& TestSystem::start_device(
    int number, const std::vector<Bytes>& modules, virtual_device::Options options) {
  (void)server();
  options.id[11] = static_cast<std::uint8_t>(number);
  if (options.server_key.empty()) options.server_key = server_key().public_key_spki();
  virtual_device::Flash flash(options.platform);
  for (const auto& module : modules) flash.put(module);
  devices_.push_back(
      std::make_unique<virtual_device::VirtualDevice>(std::move(options), device_key(number), std::move(flash)));
  run(*devices_.back());
  return *devices_.back();
}

void TestSystem::run(virtual_device::VirtualDevice& device) {
  virtual_device::Connect dial = [this]() -> asio::awaitable<std::shared_ptr<transport::ByteStream>> {
    auto pair = testing::connect(world, link);
    server().serve(pair.server);
    co_return std::shared_ptr<transport::ByteStream>(pair.device);
  };
  world.spawn([&device, dial]() -> asio::awaitable<void> { co_await device.run(dial); });
}

virtual_device::UdpDevice& TestSystem::start_udp_device(
    int number, const std::vector<Bytes>& modules, virtual_device::UdpOptions options, ByteView scalar) {
  (void)server();
  if (options.id[11] == 0) options.id[11] = static_cast<std::uint8_t>(number);
  options.seed = static_cast<unsigned>(number);
  if (options.server_key.empty()) options.server_key = udp_server_key().public_key_spki();
  virtual_device::Flash flash(options.platform);
  for (const auto& module : modules) flash.put(module);
  addresses_[number] = transport::UdpEndpoint(asio::ip::make_address("10.0.1." + std::to_string(number)), 5684);
  network_.attach(
      number, [this, number](ByteView datagram) { udp_devices_.at(number)->on_datagram(datagram); },
      [this](ByteView datagram, const transport::UdpEndpoint& from) {
        if (running_) running_->udp.demultiplexer().on_datagram(datagram, from);
      },
      [this, number] { return addresses_.at(number); });
  virtual_device::UdpDevice::Send send = [this, number](ByteView datagram) { network_.to_server(number, datagram); };
  auto& device = udp_devices_[number];
  device = std::make_unique<virtual_device::UdpDevice>(world.loop.get_executor(), std::move(options),
      scalar.empty() ? virtual_device::DeviceEcKey() : virtual_device::DeviceEcKey(scalar), std::move(flash),
      std::move(send));
  world.spawn([&d = *device]() -> asio::awaitable<void> { co_await d.run(); });
  return *device;
}

void TestSystem::move(int number) {
  auto& at = addresses_.at(number);
  at.port(static_cast<std::uint16_t>(at.port() + 1));
}

transport::DtlsDemultiplexer& TestSystem::demultiplexer() {
  return running_->udp.demultiplexer();
}

void TestSystem::kill() {
  if (!running_) return;
  network_.server_is_down = true;
  // Its coroutines must come to an end here; what they write while they do is undone.
  if (!configuration.store_url.empty()) return kill_on_postgresql();
  const auto database = state_folder().database();
  const TemporaryFolder before;
  namespace fs = std::filesystem;
  for (const char* part : {"", "-wal"})
    if (fs::exists(database.string() + part))
      fs::copy_file(database.string() + part, before.path() / (std::string("db") + part));
  running_->server.stop();
  world.run_until_idle();
  running_.reset();
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(database.string() + part);
  for (const char* part : {"", "-wal"})
    if (fs::exists(before.path() / (std::string("db") + part)))
      fs::copy_file(before.path() / (std::string("db") + part), database.string() + part);
}

// Nothing is written where there are no tables.
void TestSystem::kill_on_postgresql() {
  const auto rename = [this](const char* from, const char* to) {
    auto connection = store::PostgresqlConnection::connect(configuration.store_url);
    connection->execute(fmt::format("ALTER SCHEMA {}{} RENAME TO {}{}", schema_of(configuration.store_url), from,
        schema_of(configuration.store_url), to));
  };
  rename("", "_away");
  running_->server.stop();
  world.run_until_idle();
  running_.reset();
  rename("_away", "");
}

void TestSystem::restart() {
  start();
  network_.server_is_down = false;
}

store::Database TestSystem::database() {
  return store::Database::open(state_folder().location(), store::Access::read_write);
}

store::DeviceRow TestSystem::row(int number) {
  auto db = database();
  return store::load_device(db, id_of(number)).value_or(store::DeviceRow{});
}

std::vector<store::StepRow> TestSystem::steps(int number) {
  auto db = database();
  auto steps = store::recent_steps(db, id_of(number), 100);
  std::reverse(steps.begin(), steps.end());
  return steps;
}

std::vector<store::HistoryRow> TestSystem::history() {
  auto db = database();
  return store::recent_history(db, "", 200);
}

bool TestSystem::run_until_state(int number, const std::string& state, Clock::duration by) {
  const auto id = transport::DeviceId::parse(id_of(number));
  return run_until(by, [&] {
    const auto found = running_->server.fleet().find(*id);
    return found != running_->server.fleet().end() && found->second.row.state == state;
  });
}

}  // namespace drydock::testing
