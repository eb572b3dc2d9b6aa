#include "cli/command_line.hpp"

#include "state/state_folder.hpp"
#include "cli/command_registry.hpp"
#include "cli/open_store.hpp"
#include "server/state_words.hpp"
#include "cli/identity.hpp"
#include "cli/unknown_words.hpp"
#include "cli/version_words.hpp"

#include <csignal>
#include <cstdlib>
#include <fmt/core.h>
#include <memory>

namespace drydock::cli {

namespace {

std::string last_error;

}  // namespace

std::string last_error_printed() {
  return last_error;
}

int print_error(const std::string& message) {
  last_error = message;
  // Nothing that throws: whoever would have read this may be gone too.
  std::fputs(("drydock: " + log::printable(message) + "\n").c_str(), stderr);
  return 1;
}

namespace {

constexpr const char* default_configuration = "/etc/drydock/drydock.toml";

// What flags say, over what the file says.
struct Flags {
  std::string configuration_file;
  std::optional<std::string> state;
  std::optional<std::string> address;
  std::optional<std::uint16_t> port;
  std::optional<std::string> policy;
  std::optional<std::string> log_level;
  std::optional<std::uint16_t> udp_port;
  std::optional<std::uint16_t> web_port;
  std::optional<std::uint16_t> api_port;
  bool no_web = false;
};

Result<Context> make_context(const Flags& flags, bool json) {
  Context context;
  const bool named = !flags.configuration_file.empty();
  auto loaded = state::load_configuration(named ? flags.configuration_file : default_configuration);
  if (!loaded && (named || loaded.error().kind != ErrorKind::not_found)) return tl::unexpected(loaded.error());
  if (loaded) {
    context.configuration = std::move(*loaded);
    context.configuration_file =
        named ? std::filesystem::path(flags.configuration_file) : std::filesystem::path(default_configuration);
  }
  if (flags.state) context.configuration.state_folder = *flags.state;
  if (flags.address) context.configuration.address = *flags.address;
  if (flags.port) context.configuration.tcp_port = *flags.port;
  if (flags.policy) context.configuration.policy = *state::parse_policy(*flags.policy);
  if (flags.log_level) context.configuration.log_level = *state::parse_log_level(*flags.log_level);
  if (flags.udp_port) context.configuration.udp_port = *flags.udp_port;
  if (flags.web_port) context.configuration.web.port = *flags.web_port;
  if (flags.api_port) context.configuration.web.api_port = *flags.api_port;
  if (flags.no_web) context.configuration.web.enabled = false;
  context.json = json;
  log::set_threshold(context.configuration.log_level);
  return context;
}

// What was asked for, as it was typed; a password in a database's address is nobody's to read.
std::string words_of(int argc, char** argv) {
  std::string words;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--state" || word == "-c" || word == "--config") {
      ++i;  // where, and not what
      continue;
    }
    if (const auto scheme = word.find("://"); scheme != std::string::npos && word.find('@', scheme) < word.size())
      word.replace(scheme + 3, word.find('@', scheme) - scheme - 3, "…");
    words += (words.empty() ? "" : " ") + (word.find(' ') == std::string::npos ? word : '"' + word + '"');
  }
  return words;
}

// libpq looks for one in the home of whoever started the program, which under sudo is root's.
void name_password_file(const state::Configuration& configuration) {
  const auto file = configuration.state_folder / ".pgpass";
  std::error_code error;
  if (std::filesystem::exists(file, error)) ::setenv("PGPASSFILE", file.c_str(), 0);
}

class CommandLine {
public:
  CommandLine()
      : parser_(std::make_unique<CLI::App>(
            "Drydock: a local cloud for Particle devices. It brings devices up to date, module by module.", "drydock")),
        app_(*parser_) {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", version_words());
    app_.add_option("-c,--config", flags_.configuration_file,
        fmt::format("Configuration file (default: {})", default_configuration));
    app_.add_option("--state", flags_.state, "State folder: keys, firmware, database");
    app_.add_option("--log-level", flags_.log_level, "error, warning, notice, info or debug")
        ->check(CLI::IsMember({"error", "warning", "notice", "info", "debug"}));
    app_.fallthrough();
    add_serve();
    add_demo();
    add_keys();
    add_firmware();
    add_devices();
    add_fleet_commands(app_, registry_);
    add_plan();
    auto* status_command =
        registry_.command(app_, "status", "How the devices are doing", [](const Context& c) { return status(c); });
    registry_.with_json(status_command);
    add_wait();
    auto* watching = registry_.command(app_, "watch", "The devices in a table that stays fresh, until Ctrl-C",
        [this](const Context& c) { return watch(c, clear_); });
    watching->add_flag("--once", clear_, "Print it and end");
    auto* password = app_.add_subcommand("password", "The password of the page");
    password->require_subcommand(1);
    registry_.command(*password, "reset",
        "Forget it, with all logins and API tokens: whoever has the new set-up code sets another",
        [](const Context& c) { return password_reset(c); });
    registry_.command(app_, "check",
        "Look at configuration, ports, state folder, keys, database and firmware, and say what to do",
        [](const Context& c) { return check(c); });
    auto* backup_command = registry_.command(app_, "backup",
        "Write everything, keys included, into one file; the service may run meanwhile",
        [this](const Context& c) { return backup(c, file_); });
    backup_command->add_option("file", file_, "The file to make")->required();
    auto* restore_command = app_.add_subcommand("restore", "Bring a backup back, on this machine or another");
    auto* backup_file =
        restore_command->add_option("file", file_, "A file that 'drydock backup' made")->check(CLI::ExistingFile);
    restore_command->add_flag("--replace", clear_, "Move what is there already aside");
    auto* finish =
        restore_command->add_flag("--finish", pending_, "Finish a restore that was interrupted")->excludes(backup_file);
    restore_command->callback([this, backup_file, finish] {
      if (backup_file->count() + finish->count() == 0) throw CLI::RequiredError("file or --finish");
      registry_.chosen = [this](const Context& c) { return pending_ ? finish_restore(c) : restore(c, file_, clear_); };
    });
    auto* nodes = app_.add_subcommand("nodes", "The machines that share a PostgreSQL");
    nodes->require_subcommand(1);
    registry_.with_json(registry_.command(*nodes, "list", "Show which there are, and how many devices each has",
        [](const Context& c) { return nodes_list(c); }));
    auto* store = app_.add_subcommand("store", "Where the database is");
    store->require_subcommand(1);
    auto* move =
        registry_.command(*store, "move", "Copy everything into a PostgreSQL, or back into SQLite's file, and compare",
            [this](const Context& c) { return store_move(c, name_, clear_); });
    move->add_option("--to", name_, "postgresql://USER@HOST/DATABASE, or sqlite")->required();
    move->add_flag("--replace", clear_, "Overwrite what is there already");
    auto* config = app_.add_subcommand("config", "The configuration file");
    config->require_subcommand(1);
    config->add_subcommand("default", "Print one with every option and its default")->callback([this] {
      registry_.chosen = [](const Context&) {
        fmt::print("{}", state::default_configuration_text());
        return 0;
      };
    });
  }

  int run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      if (e.get_exit_code() == 0) return app_.exit(e);
      const std::vector<std::string> words(argv + 1, argv + argc);
      if (const auto unknown = unknown_word(app_, words)) {
        print_error(*unknown);
        return 2;
      }
      return app_.exit(e) == 0 ? 0 : 2;
    }
    parser_.reset();  // a service runs for months
    auto context = make_context(flags_, registry_.json);
    if (!context) return print_error(context.error().message);
    act_as_owner_of(context->configuration.state_folder);
    name_password_file(context->configuration);
    context->audit = std::make_shared<AuditNote>();
    context->audit->what = words_of(argc, argv);
    const int status = registry_.chosen(*context);
    note_outcome(*context, status);
    return status;
  }

private:
  void add_serve() {
    auto* sub = registry_.command(app_, "serve", "Run the appliance", [](const Context& c) { return serve(c); });
    sub->add_option("--address", flags_.address, "IP address to listen on");
    sub->add_option("--port", flags_.port, "TCP port for Photon, P1 and Core");
    sub->add_option(
        "--udp-port", flags_.udp_port, "UDP port for later devices, which as a rule know no other than 5684");
    sub->add_option("--web-port", flags_.web_port, "TCP port of the page");
    sub->add_option("--api-port", flags_.api_port, "One more TCP port, for Particle's API alone");
    sub->add_flag("--no-web", flags_.no_web, "Without the page");
    sub->add_option("--policy", flags_.policy, "What happens to unknown devices: approve, open or closed")
        ->check(CLI::IsMember({"approve", "open", "closed"}));
  }
  void add_demo() {
    auto* sub = registry_.command(app_, "demo", "Three virtual Photons are brought up to date, on this machine only",
        [this](const Context&) { return demo(demo_); });
    sub->add_option("--firmware", demo_.firmware,
           "Folder with the Photon's 040_*.bin and 043_*.bin to use instead of made-up modules")
        ->check(CLI::ExistingDirectory);
    sub->add_flag("--fast", demo_.fast, "Virtual devices without the delays of real flash memory");
  }
  void add_keys() {
    auto* keys = app_.add_subcommand("keys", "The keys by which devices know this server");
    keys->require_subcommand(1);
    auto* create = registry_.command(*keys, "create", "Make them (serve does so by itself)",
        [this](const Context& c) { return keys_create(c, clear_); });
    create->add_flag("--lost", clear_, "The ones that the devices of a PostgreSQL know are lost for good");
    registry_.with_json(
        registry_.command(*keys, "show", "Show their public halves", [](const Context& c) { return keys_show(c); }));
    auto* exporting = registry_.command(*keys, "export",
        "Write the public key for 'particle keys server', and say how to point a device here",
        [this](const Context& c) { return keys_export(c, key_export_); });
    exporting->add_flag("--udp", key_export_.udp,
        "The key for Electron, Argon, Boron, Tracker, P2 and the like, instead of that for Photon, P1 and Core");
    exporting->add_option(
        "-o,--output", key_export_.output, "File to write (default: drydock.pub.der, or drydock-udp.pub.der)");
    exporting->add_option("--host", key_export_.host, "This machine's address, as devices reach it");
    exporting->add_option("--port", flags_.port, "TCP port devices should use");
    exporting->add_flag(
        "--dfu", key_export_.whole_file, "Write the whole record for dfu-util instead, with address and port");
    exporting->add_flag("--force", key_export_.force, "Replace an existing file");
  }
  void add_firmware() {
    auto* firmware = app_.add_subcommand("firmware", "The firmware library");
    firmware->require_subcommand(1);
    auto* add = registry_.command(*firmware, "add", "Check files and put them into the library",
        [this](const Context& c) { return firmware_add(c, files_); });
    add->add_option("files", files_, "Module files (.bin), folders, or zip archives with such")->required();
    registry_.with_json(registry_.command(
        *firmware, "list", "What there is to send", [](const Context& c) { return firmware_list(c); }));
    auto* inspect = registry_.command(*firmware, "inspect", "Say what a file is, without adding it",
        [this](const Context& c) { return firmware_inspect(c, files_); });
    inspect->add_option("files", files_, "Module files")->required();
    registry_.with_json(inspect);
    auto* remove = registry_.command(*firmware, "remove", "Take files out of the library",
        [this](const Context& c) { return firmware_remove(c, names_); });
    remove->add_option("names", names_, "File names, or beginnings of their SHA-256")->required();
  }
  void add_selection(CLI::App* sub) {
    sub->add_option("devices", selection_.names, "Ids or names");
    sub->add_option("--group", selection_.group, "All devices of this group");
    sub->add_option("--platform", selection_.platform, "All devices of this platform: photon, p1, …");
    sub->add_flag("--all", selection_.all, "All devices that were let in");
  }
  void add_devices() {
    auto* devices = app_.add_subcommand("devices", "The devices that have connected");
    devices->require_subcommand(1);
    auto* list = registry_.command(
        *devices, "list", "All of them", [this](const Context& c) { return devices_list(c, device_filter_); });
    registry_.with_json(list);
    list->add_option("--state", device_filter_.state,
            "Only those that are current, updating, waiting, blocked, parked, held, refused, awaiting_approval, …")
        ->check(CLI::IsMember(server::device_states()));
    list->add_option("--search", device_filter_.search, "Only those with this in name, id, platform or address");
    list->add_option("--group", device_filter_.group, "Only those of this group");
    list->add_option("--label", device_filter_.label, "Only those with this label");
    auto* show = registry_.command(
        *devices, "show", "Everything about one", [this](const Context& c) { return devices_show(c, name_); });
    show->add_option("device", name_, "Id, its beginning, or name")->required();
    registry_.with_json(show);
    auto* approve = registry_.command(*devices, "approve", "Let devices be updated",
        [this](const Context& c) { return devices_approve(c, names_, approval_); });
    approve->add_option("devices", names_, "Ids or names")->required();
    approve->add_option("--new-key", approval_.new_key,
        "Trust the new key of a device whose keys were renewed: the beginning of its fingerprint, as 'devices show' "
        "prints it");
    approve->add_flag(
        "--retry", approval_.retry, "Forget failed attempts, so that a device that was given up tries again");
    auto* refuse = registry_.command(
        *devices, "refuse", "Turn devices away", [this](const Context& c) { return devices_refuse(c, names_); });
    refuse->add_option("devices", names_, "Ids or names")->required();
    auto* hold = registry_.command(*devices, "hold", "Hold devices back from updates",
        [this](const Context& c) { return devices_hold(c, selection_, clear_); });
    add_selection(hold);
    hold->add_flag("--release", clear_, "Let them be updated again");
    auto* force =
        registry_.command(*devices, "force", "Send devices their next update though their application disabled updates",
            [this](const Context& c) { return devices_force(c, selection_, clear_); });
    add_selection(force);
    force->add_flag("--take-back", clear_, "Ask the application again");
    auto* forget =
        devices->add_subcommand("forget", "Remove devices with their history; they may come again as unknown ones");
    auto* forgotten = forget->add_option("devices", names_, "Ids or names");
    auto* pending = forget->add_flag("--pending", pending_, "All that wait for approval");
    forgotten->excludes(pending);
    forget->add_flag("-y,--yes", yes_, "Do not ask");
    forget->callback([this, forgotten, pending] {
      if (forgotten->count() + pending->count() == 0) throw CLI::RequiredError("devices or --pending");
      registry_.chosen = [this](const Context& c) {
        return pending_ ? devices_forget_pending(c, yes_) : devices_forget(c, names_, yes_);
      };
    });
    auto* replacing = registry_.command(*devices, "replace",
        "Let a new device take the place of an old one: its name, group, labels, notes and target firmware",
        [this](const Context& c) { return devices_replace(c, name_, text_, yes_); });
    replacing->add_option("old", name_, "The one that is no more: id or name")->required();
    replacing->add_option("new", text_, "The one that takes its place: id or name")->required();
    replacing->add_flag("-y,--yes", yes_, "Do not ask");
    auto* rename = registry_.command(*devices, "rename", "Give a device a name",
        [this](const Context& c) { return devices_rename(c, name_, text_); });
    rename->add_option("device", name_, "Id or name")->required();
    rename->add_option("name", text_, "The new name")->required();
    auto* group = registry_.command(*devices, "group", "Put devices into a group, of which each has one",
        [this](const Context& c) { return devices_group(c, text_, names_); });
    group->add_option("group", text_, "The group's name; \"\" for none")->required();
    group->add_option("devices", names_, "Ids or names")->required();
    auto* label = registry_.command(*devices, "label", "Give devices a label, of which each has any number",
        [this](const Context& c) { return devices_label(c, text_, selection_, !clear_); });
    label->add_option("label", text_, "The label")->required();
    add_selection(label);
    label->add_flag("--remove", clear_, "Take it from them");
    auto* target =
        registry_.command(*devices, "target", "Say which modules a device should end with, besides what they need",
            [this](const Context& c) { return devices_target(c, name_, names_, clear_); });
    target->add_option("device", name_, "Id or name")->required();
    target->add_option("modules", names_, "File names, or beginnings of their SHA-256");
    target->add_flag("--clear", clear_, "Clear the target firmware of this device");
  }
  void add_wait() {
    auto* sub =
        registry_.command(app_, "wait", "Wait until devices have all they need, or are connected, or a rollout is done",
            [this](const Context& c) { return wait(c, wait_); });
    auto& chosen = wait_.devices;
    const auto of_devices = {sub->add_option("devices,--device", chosen.names, "Ids or names"),
        sub->add_option("--group", chosen.group, "All devices of this group"),
        sub->add_option("--platform", chosen.platform, "All devices of this platform: photon, p1, …"),
        sub->add_flag("--all", chosen.all, "All devices that were let in"),
        sub->add_flag("--current", wait_.current, "Until they have all they need (the default)"),
        sub->add_flag("--connected", wait_.connected, "Until they are connected")};
    auto* rollout =
        sub->add_option("--rollout", wait_.rollout, "Instead of devices: until the rollout of this number is done")
            ->check(CLI::PositiveNumber);
    for (auto* option : of_devices) rollout->excludes(option);
    sub->add_option("--timeout", wait_.timeout, "How long, as 90s, 10m or 2h: behind that it ends with status 124")
        ->capture_default_str();
    registry_.with_remote(sub, wait_.remote, "read");
    sub->footer("Ends with 0 when they are; 1: an error; 3: somebody has to do something first; 124: not in time.");
    registry_.with_json(sub);
  }
  void add_plan() {
    auto* sub =
        registry_.command(app_, "plan", "Say what would be sent to a device that reports this, without a device",
            [this](const Context& c) { return plan(c, plan_); });
    auto* describe = sub->add_option("--describe", plan_.describe, "File with a Describe, JSON or protobuf")
                         ->check(CLI::ExistingFile);
    auto* from = sub->add_option("--from", plan_.from, "Instead of a Describe: a Device OS release, 0.6.3 say")
                     ->excludes(describe);
    sub->add_option("--to", plan_.to, "The release it should come to; with --from")->needs(from);
    sub->add_option(
        "--platform", plan_.platform, "photon, p1, … or its number; with --from, or when the Describe does not say");
    sub->add_option("--firmware", plan_.firmware, "Files or folders to plan with, instead of the library")
        ->check(CLI::ExistingPath);
    sub->add_option("--goal", plan_.targets, "Module files the device should end with")->check(CLI::ExistingFile);
    registry_.with_json(sub);
  }

  std::unique_ptr<CLI::App> parser_;
  CLI::App& app_;
  Flags flags_;
  CommandRegistry registry_;
  DemoOptions demo_;
  KeyExport key_export_;
  PlanOptions plan_;
  DeviceFilter device_filter_;
  DeviceSelection selection_;
  Approval approval_;
  WaitOptions wait_;
  std::vector<std::filesystem::path> files_;
  std::filesystem::path file_;
  std::vector<std::string> names_;
  std::string name_;
  std::string text_;
  bool clear_ = false;
  bool pending_ = false;
  bool yes_ = false;
};

}  // namespace

int run(int argc, char** argv) {
  // A reader that went away must not end the process, whoever it is.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    CommandLine command_line;
    return command_line.run(argc, argv);
  } catch (const std::system_error& e) {
    // As of a program that the signal ended: who reads no further knows why.
    constexpr int ended_by_sigpipe = 128 + SIGPIPE;
    return e.code() == std::errc::broken_pipe ? ended_by_sigpipe : print_error(e.what());
  } catch (const std::exception& e) {
    return print_error(e.what());
  }
}

}  // namespace drydock::cli
