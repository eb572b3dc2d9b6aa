#include "sim/history.hpp"

#include "base/temporary_folder.hpp"
#include "device/session.hpp"
#include "sim/disk.hpp"
#include "sim/durability_check.hpp"
#include "sim/plain_channel.hpp"
#include "sim/questions.hpp"
#include "sim/release_fleet.hpp"
#include "server/commands.hpp"
#include "store/modules.hpp"
#include "store/sqlite_engine.hpp"
#include "support/test_system.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <cstdio>

namespace drydock::sim {
namespace {

using namespace std::chrono_literals;
using testing::SimulatedWorld;
using virtual_device::Release;
using virtual_device::VirtualDevice;

// Longer than all pauses and attempts together.
constexpr auto horizon = 6h;

// Firmware files are the same in every history and written once for the whole run.
class SharedModules {
  TemporaryFolder folder_;

public:
  SharedModules() : folder_(), files(folder_.path()) {
    using testing::bootloader, testing::system_part;
    add(bootloader(3));
    for (const std::uint16_t v : {2, 3, 4}) {
      add(system_part(1, v, {}, 2'000 + 3'000u * v));
      add(system_part(2, v, {4, 1, v}, 1'500 + 2'000u * v));
    }
  }
  firmware::ModuleFiles files;
  std::vector<firmware::LibraryModule> modules;

private:
  void add(const Bytes& file) {
    const auto validated = server::validate_module(file, "sim.bin");
    (void)files.save(validated->module.sha256, validated->content);
    modules.push_back(validated->module);
  }
};

SharedModules& shared_modules() {
  static SharedModules the_shelf;
  return the_shelf;
}

// A database as after the first start, on every history's disk.
const Bytes& fresh_database() {
  static const Bytes content = [] {
    Disk disk(1);
    store::Database::open("drydock.db", store::Access::read_write, Disk::vfs_name);
    return disk.contents().at("drydock.db");
  }();
  return content;
}

class History {
public:
  History(std::uint32_t seed, const sim::Plan& plan)
      : world_(seed), dice_(seed * 2654435761U + 1), disk_(seed), plan_(plan) {
    configuration_.policy = state::Policy::open;
    configuration_.concurrent_updates = 1 + static_cast<int>(roll(3));
    link_.delay_max = std::chrono::milliseconds(roll(3) == 0 ? roll(300) : 0);
    link_.piece_max = roll(4) == 0 ? 50 : 100'000;
    severs_ = roll(3) == 0;
    disk_.put("drydock.db", fresh_database());
    open_database();
    if (plan.releases) {
      platform_ = ReleaseFleet::shared().any_platform(dice_);
      for (const auto& module : ReleaseFleet::shared().any_library(platform_, dice_))
        store::add_module(*db_, module, 0);
    }
    const std::vector<firmware::LibraryModule> none;
    for (const auto& module : plan.releases ? none : shared_modules().modules)
      if (module.key.function == firmware::Function::bootloader || module.version < 4 || roll(2) == 0)
        store::add_module(*db_, module, 0);
    modules_stocked_ = store::load_library(*db_).size();
    if (plan.forget_attempts) plant_forgotten_attempts();
    const auto server = [this] { return serving_ ? server_.get() : nullptr; };
    questions_ = std::make_unique<Questions>(world_.loop, seed, server);
  }

  Outcome run() {
    const auto began = Clock::now();
    switch_on();
    const auto count = 1 + roll(3);
    for (std::size_t i = 0; i < count; ++i) start_device(static_cast<int>(i) + 1);
    if (plan_.releases && roll(2) == 0) ask_for_a_release();
    for (std::size_t i = roll(5); i > 0 && violation_.empty(); --i) {
      if (roll(3) == 0)
        disk_fault();
      else
        power_cut();
      if (roll(2) == 0) jump_the_clock();
    }
    // Behind a restart a device is called what it was until it has said what it is.
    const auto end = Clock::now() + horizon;
    do {
      world_.advance_until(end - Clock::now(), [this] { return settled() || !violation_.empty(); });
      world_.advance(30s);
    } while (!settled() && violation_.empty() && Clock::now() < end);
    check_the_end();
    leave();
    outcome_.virtual_time = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    for (const auto& device : devices_) outcome_.images += static_cast<std::size_t>(device->images_received);
    outcome_.violation = violation_;
    return outcome_;
  }

private:
  std::size_t roll(std::size_t sides) { return dice_() % sides; }

  // With this trigger the store says "counted" and keeps nothing: what losing that one write would do.
  void plant_forgotten_attempts() {
    db_->sqlite().sql().exec(
        "CREATE TRIGGER plant_insert AFTER INSERT ON attempts BEGIN UPDATE attempts SET count = 0 WHERE sha256 = "
        "NEW.sha256; END;"
        "CREATE TRIGGER plant_update AFTER UPDATE OF count ON attempts WHEN NEW.count > 0 BEGIN UPDATE attempts SET "
        "count = 0 WHERE sha256 = NEW.sha256; END;"
        "CREATE TRIGGER plant_sends AFTER INSERT ON sends BEGIN UPDATE sends SET count = 0 WHERE sha256 = NEW.sha256; "
        "END;"
        "CREATE TRIGGER plant_sends_again AFTER UPDATE OF count ON sends WHEN NEW.count > 0 BEGIN UPDATE sends SET "
        "count = 0 WHERE sha256 = NEW.sha256; END;");
  }

  void open_database() {
    db_.reset();
    db_ = std::make_shared<store::Database>(
        store::Database::open("drydock.db", store::Access::read_write, Disk::vfs_name));
    const auto whole = db_->sqlite().sql().execAndGet("PRAGMA integrity_check").getString();
    if (whole != "ok") print_error("the database is damaged: " + whole);
  }

  // As a supervisor does it: until it starts.
  void switch_on() {
    for (int tries = 0; tries < 200; ++tries) {
      if (start()) return;
      stop();
      world_.advance(1s);
    }
    print_error("the appliance does not start any more");
  }
  bool start() {
    try {
      open_database();
    } catch (const store::StoreError&) {
      return false;
    }
    if (const auto lost = ledger_.open(*db_, last_end_); !lost.empty()) print_error(lost);
    writer_ = store::Writer::on_loop(db_, world_.loop.get_executor());
    server::Services services{world_.loop, *writer_,
        plan_.releases ? ReleaseFleet::shared().files() : shared_modules().files, testing::server_key(), world_.random,
        crypto::Workers()};
    server_ = std::make_unique<server::DeviceServer>(std::move(services), configuration_);
    bool started = false;
    world_.spawn([this, &started]() -> asio::awaitable<void> { started = (co_await server_->start()).has_value(); });
    world_.run_until_idle();
    serving_ = started;
    return started;
  }
  void stop() {
    serving_ = false;
    if (server_) server_->stop();
    for (const auto& stream : open_) stream->close();
    world_.advance_until(30s, [this] { return open_.empty(); });
    if (!open_.empty()) print_error("sessions are left after a power cut");
    server_.reset();
    writer_.reset();
    world_.run_until_idle();
    db_.reset();
  }

  // At a write or sync some way ahead: the plug is pulled, or the process is killed.
  void power_cut() {
    ++outcome_.power_cuts;
    disk_.lose_power_at(disk_.operations() + roll(150));
    world_.advance_until(std::chrono::seconds(1 + roll(1200)), [this] { return !disk_.has_power() || settled(); });
    if (roll(2) == 0) cut_a_connection();
    disk_.lose_power_at(0);
    ledger_.close(*db_);
    stop();
    last_end_ = roll(2) == 0 ? DurabilityCheck::After::kill : DurabilityCheck::After::power_cut;
    if (last_end_ == DurabilityCheck::After::kill)
      disk_.restart_process();
    else
      disk_.restart_machine();
    switch_on();
  }

  // A full or failing disk that gets well again, while the server goes on.
  void disk_fault() {
    ++outcome_.disk_faults;
    disk_.fail(disk_.operations() + roll(100), 1 + roll(60), roll(2) == 0 ? Disk::Fault::full : Disk::Fault::broken);
    world_.advance(std::chrono::seconds(1 + roll(300)));
  }

  // A machine without a battery clock wakes in 1970; later the network says better, or worse.
  void jump_the_clock() {
    constexpr std::int64_t day = 24 * 3'600'000;
    const std::int64_t jumps[] = {-19'675 * day, 0, -day, 400 * day};
    Clock::manual_wall_jump = jumps[roll(4)];
    ++outcome_.clock_jumps;
  }

  void start_device(int number) {
    virtual_device::Options options;
    options.id[11] = static_cast<std::uint8_t>(number);
    options.plain = true;
    const Release releases[] = {Release::v0_6(), Release::v2_3(), Release::v3_3(), Release::v6_2()};
    options.release = releases[roll(4)];
    options.takes_fast_ota = roll(2) == 0;
    options.erase_time = std::chrono::milliseconds(roll(3000));
    // One that answers each chunk so late that it never comes to an end.
    if (roll(30) == 0) {
      options.takes_fast_ota = false;
      options.chunk_timeout = 55s;
    }
    if (plan_.releases) return start_device_of_any_release(number, std::move(options));
    virtual_device::Flash flash(6);
    const auto part1 = static_cast<std::uint16_t>(1 + roll(3));
    const auto part2 = static_cast<std::uint16_t>(1 + roll(3));
    flash.put(testing::bootloader(3));
    if (roll(8) != 0) flash.put(testing::system_part(1, part1));
    flash.put(testing::system_part(2, part2, {4, 1, part2}));
    flash.put(testing::user_part(1, {4, 2, static_cast<std::uint16_t>(1 + roll(4))}));
    auto& device = add_device(number, std::move(options), std::move(flash));
    auto& faults = device.faults;
    if (roll(10) == 0) faults.reverts = roll(2) == 0 ? 1 : 1'000;
    device.ever_reverts = faults.reverts > 0;
    if (roll(20) == 0) faults.describes = changing_describe();
    if (roll(30) == 0) faults.describe_instead = Bytes{0xff, 0x00, 0xff};
    if (roll(10) == 0) {
      virtual_device::Flash pretended(6);
      pretended.put(testing::system_part(1, static_cast<std::uint16_t>(1 + roll(5))));
      pretended.put(testing::user_part(1, {4, 2, static_cast<std::uint16_t>(1 + roll(4))}));
      faults.pretended = std::make_shared<const virtual_device::Flash>(std::move(pretended));
      faults.lies = 1 + static_cast<int>(roll(20));
    }
  }

  void start_device_of_any_release(int number, virtual_device::Options options) {
    auto made = ReleaseFleet::any_device(platform_, dice_);
    options.platform = platform_;
    auto& device = add_device(number, std::move(options), std::move(made.flash));
    device.release_of = [platform = platform_](
                            const virtual_device::Flash& flash) { return ReleaseFleet::spoken_by(platform, flash); };
    device.after_update = [this, number](const virtual_device::Flash& flash) {
      if (const auto why = ReleaseFleet::why_dead(platform_, flash); !why.empty())
        print_error("device " + std::to_string(number) + " is dead: " + why);
    };
  }

  // A person wants another release on the first device, newer or older.
  void ask_for_a_release() {
    world_.advance(10s);
    const auto row = store::load_device(*db_, transport::DeviceId{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}.text());
    if (!row) return;
    for (const auto& module : ReleaseFleet::shared().any_target(platform_, dice_))
      (void)server::commands::add_target(*db_, *row, module.sha256);
    world_.spawn([this]() -> asio::awaitable<void> { (void)co_await server_->apply_changes(); });
  }

  VirtualDevice& add_device(int number, virtual_device::Options options, virtual_device::Flash flash) {
    devices_.push_back(std::make_unique<VirtualDevice>(std::move(options), testing::device_key(1), std::move(flash)));
    auto& device = *devices_.back();
    auto& faults = device.faults;
    for (std::size_t i = roll(4); i > 0; --i)
      (device.flash().safe_mode() ? faults.drop_chunks : faults.corrupt_chunks).insert(roll(20));
    if (roll(3) == 0) faults.reset_at = 3 + roll(60);
    faults.resets = 1 + static_cast<int>(roll(2));
    if (roll(6) == 0) faults.silent_at = 2 + roll(60);
    if (roll(8) == 0) faults.forgets_updates = true;
    if (roll(12) == 0) faults.damages_image = true;
    if (roll(16) == 0) faults.refuses_updates = true;
    virtual_device::Connect dial = [this, number]() -> asio::awaitable<std::shared_ptr<transport::ByteStream>> {
      co_return connect(number);
    };
    world_.spawn([&device, dial]() -> asio::awaitable<void> { co_await device.run(dial); });
    return device;
  }

  // Needs something, and says each time that it has another version of it.
  static std::function<Bytes(int)> changing_describe() {
    return [](int n) {
      const auto text = "{\"p\":6,\"m\":[{\"f\":\"s\",\"n\":\"1\",\"v\":" + std::to_string(1 + n % 2) +
          ",\"l\":\"m\",\"d\":[]},{\"f\":\"u\",\"n\":\"1\",\"v\":" + std::to_string(n % 5'000) +
          ",\"l\":\"m\",\"d\":[{\"f\":\"s\",\"n\":\"1\",\"v\":3}]}]}";
      return Bytes(text.begin(), text.end());
    };
  }

  std::shared_ptr<transport::ByteStream> connect(int number) {
    if (!serving_ || !disk_.has_power()) return nullptr;
    auto options = link_;
    if (severs_ && severed_ < 20 && roll(3) == 0) {
      options.severed_after = roll(20'000);
      ++severed_;
    }
    auto pair = testing::connect(world_, options);
    const auto server = std::shared_ptr<transport::ByteStream>(pair.server);
    open_.push_back(server);
    world_.spawn([this, server, number]() -> asio::awaitable<void> {
      const auto executor = co_await asio::this_coro::executor;
      transport::DeviceIdentity identity;
      identity.id.bytes[11] = static_cast<std::uint8_t>(number);
      identity.public_key = device_public_key();
      PlainChannel channel(executor, *server);
      (void)co_await device::run_session(channel, identity, *server_);
      server->close();
      std::erase(open_, server);
    });
    return pair.device;
  }
  static const Bytes& device_public_key() {
    static const auto key = testing::device_key(1).public_key_spki();
    return key;
  }

  void cut_a_connection() {
    if (!open_.empty()) open_[roll(open_.size())]->close();
  }

  const server::DeviceEntry* member(std::size_t index) const {
    transport::DeviceId id;
    id.bytes[11] = static_cast<std::uint8_t>(index + 1);
    const auto found = server_->fleet().find(id);
    return found == server_->fleet().end() ? nullptr : &found->second;
  }
  bool at_rest(std::size_t index) const {
    const auto* m = member(index);
    if (m == nullptr || m->channel == nullptr) return false;
    return m->row.state == "current" || m->row.state == "parked" || m->row.state == "blocked";
  }
  bool settled() const {
    for (std::size_t i = 0; i < devices_.size(); ++i)
      if (!at_rest(i)) return false;
    return true;
  }

  void check_the_end() {
    for (std::size_t i = 0; i < devices_.size() && violation_.empty(); ++i) {
      const auto& device = *devices_[i];
      const auto* m = member(i);
      const std::string name = "device " + std::to_string(i + 1);
      if (!at_rest(i))
        print_error(
            name + " is neither current nor parked: " + (m ? m->row.state + ", " + m->row.state_words : "unknown"));
      else if (m->row.state != "current" && m->row.state_words.empty())
        print_error(name + " is parked without a reason");
      // Of a device that lies nobody knows what it needs.
      if (device.faults.pretended || device.faults.describes) continue;
      for (const auto& [file, count] : device.received_files)
        if (count > planning::max_sends)
          print_error(name + " was sent a file " + std::to_string(count) + " times within a day");
      if (std::find(device.verdicts.begin(), device.verdicts.end(), -1340) != device.verdicts.end())
        print_error(name + " was sent a module whose dependencies it did not meet");
      // One that reverts may have done so just now.
      // Nor is it the server's fault where an older system does not know the slot of the application.
      if (at_rest(i) && m->row.state == "current" && device.flash().safe_mode() && !device.ever_reverts &&
          device.flash().has_application())
        print_error(name + " is called current and is in safe mode");
    }
    if (store::load_devices(*db_).size() != devices_.size()) print_error("a device's row is lost");
    if (store::load_library(*db_).size() != modules_stocked_) print_error("a module's row is lost");
  }

  void leave() {
    questions_->stop();
    for (auto& device : devices_) device->stop();
    ledger_.close(*db_);
    stop();
    if (const auto lost = questions_->violation(); !lost.empty()) print_error(lost);
    outcome_.calls += static_cast<std::size_t>(questions_->returned());
  }

  void print_error(const std::string& words) {
    if (violation_.empty()) violation_ = words;
  }

  SimulatedWorld world_;
  std::mt19937 dice_;
  Disk disk_;
  std::shared_ptr<store::Database> db_;
  sim::Plan plan_;
  Outcome outcome_;
  state::Configuration configuration_;
  testing::LinkOptions link_;
  std::unique_ptr<store::Writer> writer_;
  std::unique_ptr<server::DeviceServer> server_;
  std::unique_ptr<Questions> questions_;
  std::vector<std::unique_ptr<VirtualDevice>> devices_;
  std::vector<std::shared_ptr<transport::ByteStream>> open_;
  DurabilityCheck ledger_;
  DurabilityCheck::After last_end_ = DurabilityCheck::After::kill;
  bool serving_ = false;
  bool severs_ = false;
  int severed_ = 0;
  std::size_t modules_stocked_ = 0;
  std::uint16_t platform_ = 6;
  std::string violation_;
};

}  // namespace

Outcome run_history(std::uint32_t seed, const Plan& plan) {
  log::set_sink([tell = plan.tell](log::Level, std::string_view line) {
    if (tell)
      std::printf("  %8.1f  %.*s\n", std::chrono::duration<double>(Clock::now().time_since_epoch()).count() - 3600,
          static_cast<int>(line.size()), line.data());
  });
  (void)shared_modules();
  if (plan.releases) (void)ReleaseFleet::shared();
  (void)fresh_database();
  History history(seed, plan);
  return history.run();
}

}  // namespace drydock::sim
