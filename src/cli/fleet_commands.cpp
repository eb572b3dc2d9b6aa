// The commands about many devices at once.
#include "cli/command_registry.hpp"

namespace drydock::cli {
namespace {

// What the options are read into; lives as long as the commands.
struct Given {
  std::string name;
  NewGroupRule rule;
  std::int64_t number = 0;
  TargetScope scope;
  TargetChange change;
  NewRelease release;
  ReleasePush push;
  NewRollout rollout;
  int most = 50;
  bool csv = false;
  bool force = false;
};
using Shared = std::shared_ptr<Given>;

void add_groups(CLI::App& app, CommandRegistry& registry, const Shared& given) {
  auto* groups = app.add_subcommand("groups", "Groups and labels of devices, and who comes into which group by itself");
  groups->require_subcommand(1);
  registry.with_json(registry.command(*groups, "list", "All of them", [](const Context& c) { return groups_list(c); }));
  auto* add = registry.command(*groups, "add-rule", "Put new devices, and those in no group, into a group",
      [given](const Context& c) { return groups_add_rule(c, given->rule); });
  add->add_option("group", given->rule.group, "The group's name")->required();
  add->add_option("--platform", given->rule.platform, "Devices of this platform: photon, p1, …");
  add->add_option("--product", given->rule.product, "Devices of this product, by its number");
  add->add_option("--name", given->rule.name, "Devices whose name or id fits this pattern: \"greenhouse-*\"");
  add->add_option("--address", given->rule.addresses, "Devices from these addresses: 192.168.4.0/24");
  auto* remove = registry.command(*groups, "remove-rule", "Forget a rule; devices stay in their groups",
      [given](const Context& c) { return groups_remove_rule(c, given->number); });
  remove->add_option("rule", given->number, "Its number")->required();
}

void add_scope(CLI::App* sub, const Shared& given) {
  sub->add_flag("--all", given->scope.all, "All devices");
  sub->add_option("--platform", given->scope.platform, "Those of a platform: photon, p1, …");
  sub->add_option("--group", given->scope.group, "Those of a group");
  sub->add_option("--device", given->scope.device, "One, by id or name");
}

void add_targets(CLI::App& app, CommandRegistry& registry, const Shared& given) {
  auto* targets = app.add_subcommand(
      "targets", "What devices shall run, and when they may be updated: one, a group, a platform, or all");
  targets->require_subcommand(1);
  registry.with_json(
      registry.command(*targets, "list", "All that was said", [](const Context& c) { return targets_list(c); }));
  auto* show = registry.command(*targets, "show", "Which rules a device follows",
      [given](const Context& c) { return targets_show(c, given->name); });
  show->add_option("device", given->name, "Id, its beginning, or name")->required();
  registry.with_json(show);
  auto* set = registry.command(*targets, "set", "Say something; what was said before and is not named stays",
      [given](const Context& c) { return targets_set(c, given->scope, given->change); });
  add_scope(set, given);
  auto& change = given->change;
  set->add_flag("--latest", change.latest, "The latest Device OS of which the library has all system parts");
  set->add_option("--at-least", change.at_least, "A Device OS as new as this: 3.3.1");
  set->add_option("--exactly", change.exactly, "This Device OS");
  set->add_option("--release", change.release, "The files of this release");
  set->add_flag("--needs", change.needs, "What their application needs, no more");
  set->add_flag("--downgrade", change.downgrade, "Also in place of something newer");
  set->add_flag("--hold", change.hold, "Send them nothing");
  set->add_flag("--no-hold", change.release_hold, "Send them what they need, whatever a less particular rule says");
  set->add_option("--hours", change.hours, "When they may be updated: \"mon-fri 22:00-05:00; sat,sun 00:00-24:00\"");
  set->add_option("--time-zone", change.time_zone, "Whose hours: Europe/Berlin (default: UTC)");
  set->add_option("--blackout", change.blackout, "Days without updates: \"2026-12-20/2027-01-06; 2027-05-01\"");
  auto* clear = registry.command(*targets, "clear", "Take back all that was said of them",
      [given](const Context& c) { return targets_clear(c, given->scope); });
  add_scope(clear, given);
}

void add_releases(CLI::App& app, CommandRegistry& registry, const Shared& given) {
  auto* releases = app.add_subcommand("releases", "Named sets of firmware files, which never change")->alias("release");
  releases->require_subcommand(1);
  auto& release = given->release;
  auto* create = registry.command(*releases, "create", "Make one of files of the library, or of a folder or zip",
      [given](const Context& c) { return releases_create(c, given->release); });
  create->add_option("name", release.name, "Its name, \"3.3.1 and application 14\" say")->required();
  create->add_option("files", release.files, "File names, or beginnings of their SHA-256");
  create->add_option("--from", release.from, "Files, folders or zip archives to put into the library first")
      ->check(CLI::ExistingPath);
  create->add_option("--notes", release.notes, "What it is for");
  registry.with_json(create);
  auto& push = given->push;
  auto* pushing = registry.command(*releases, "push", "Bring files to a Drydock on another machine, as a release",
      [given](const Context& c) { return release_push(c, given->push); });
  pushing->add_option("name", push.name, "Its name")->required();
  pushing->add_option("files", push.files, "Module files (.bin), folders, or zip archives with such")
      ->required()
      ->check(CLI::ExistingPath);
  registry.with_remote(pushing, push.remote, "release")->required();
  pushing->add_option("--notes", push.notes, "What it is for");
  registry.with_json(pushing);
  registry.with_json(
      registry.command(*releases, "list", "All of them", [](const Context& c) { return releases_list(c); }));
  auto* show = registry.command(*releases, "show", "What one is made of, and what its files need",
      [given](const Context& c) { return releases_show(c, given->name); });
  show->add_option("name", given->name)->required();
  registry.with_json(show);
  auto* remove = registry.command(*releases, "remove", "Forget one; its files stay",
      [given](const Context& c) { return releases_remove(c, given->name); });
  remove->add_option("name", given->name)->required();
}

void add_start(CLI::App& rollouts, CommandRegistry& registry, const Shared& options) {
  auto* start = registry.command(rollouts, "start", "Begin one: each wave waits until the one before has proved well",
      [options](const Context& c) { return rollouts_start(c, options->rollout); });
  auto& given = options->rollout;
  start->add_option("release", given.release, "Its name")->required();
  start->add_option("--device", given.devices, "A device, by id or name; may be repeated");
  start->add_option("--group", given.group, "All devices of this group ('devices group')");
  start->add_option("--label", given.label, "All devices with this label ('devices label')");
  start->add_flag("--all", given.all, "All devices that the release has something for");
  start->add_option("--canary", given.canaries, "A device that begins before others; may be repeated");
  start->add_option("--waves", given.waves, "How far each goes (default: 1, 5%, 25%, all)");
  start->add_option("--soak", given.soak_minutes, "Minutes that a device must stay well behind its update")
      ->capture_default_str()
      ->check(CLI::Range(0u, 100'000u));
  start->add_option("--lost-after", given.lost_after_minutes, "Minutes after which one that went away has failed")
      ->capture_default_str()
      ->check(CLI::Range(1u, 100'000u));
  start->add_option("--failures", given.failures, "So many failures before the share counts")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1'000'000u));
  start->add_option("--failure-percent", given.failure_percent, "More failures than this share stop it")
      ->capture_default_str()
      ->check(CLI::Range(0u, 100u));
  start->add_option(
      "--at-once", given.at_once, "Devices under way at a time (default: twice as many as are sent something)");
  start->add_option("--per-minute", given.per_minute, "Devices that begin in a minute (default: any)");
  start->add_option("--bytes-per-second", given.bytes_per_second, "Sent to all of them together (default: any)")
      ->check(CLI::Range(4096u, 1'000'000'000u));
  start->add_option("--hours", given.hours, "When something is sent: \"mon-fri 22:00-05:00\" (default: always)");
  start->add_option("--time-zone", given.time_zone, "Whose hours: Europe/Berlin (default: UTC)");
  start->add_option("--blackout", given.blackout, "Days on which nothing is sent: \"2026-12-20/2027-01-06\"");
  start->add_option("--health-event", given.health_event,
      "The event that a device's application publishes when it is well: without it the device has failed");
  start->add_flag("--downgrade", given.downgrade, "Also devices that have something newer");
  start->add_flag("--force", given.forced, "At once, though their application disabled updates, and at any hour");
  start->add_flag("--dry-run", given.dry_run, "Say what would happen, and begin nothing");
  registry.with_json(start);
}

void add_rollouts(CLI::App& app, CommandRegistry& registry, const Shared& given) {
  auto* rollouts = app.add_subcommand("rollouts", "Releases on their way to many devices, in waves");
  rollouts->require_subcommand(1);
  add_start(*rollouts, registry, given);
  registry.with_json(
      registry.command(*rollouts, "list", "All of them", [](const Context& c) { return rollouts_list(c); }));
  const auto one = [&](const char* name, const char* description, int (*run)(const Context&, std::int64_t)) {
    auto* sub = registry.command(
        *rollouts, name, description, [given, run](const Context& c) { return run(c, given->number); });
    sub->add_option("rollout", given->number, "Its number")->required();
    return sub;
  };
  registry.with_json(one("show", "How one goes, device by device", rollouts_show));
  const auto steer = [&](const char* name, const char* description, Steer how) {
    auto* sub = registry.command(*rollouts, name, description,
        [given, how](const Context& c) { return rollouts_steer(c, given->number, how, given->force); });
    sub->add_option("rollout", given->number, "Its number")->required();
    if (how == Steer::revert)
      sub->add_flag("--force", given->force, "At once, at any hour, and though their application disabled updates");
    registry.with_json(sub);
  };
  steer("pause", "Nothing begins any more; what has begun goes on", Steer::pause);
  steer("resume", "Go on, also behind one that stopped by itself", Steer::resume);
  steer("abort", "End it where it is", Steer::abort);
  steer("revert", "Bring every device back to what it had before", Steer::revert);
  one("remove", "Forget one that is over; its devices follow other rules again", rollouts_remove);
}

void add_audit(CLI::App& app, CommandRegistry& registry, const Shared& given) {
  auto* sub = registry.command(app, "audit", "Who changed what, and when: the latest first",
      [given](const Context& c) { return audit(c, given->most, given->csv); });
  sub->add_option("--most", given->most, "How many")->capture_default_str()->check(CLI::Range(1, 100'000));
  auto* csv = sub->add_flag("--csv", given->csv, "As CSV");
  sub->add_flag("--json", registry.json, "As JSON")->excludes(csv);
}

void add_pause(CLI::App& app, CommandRegistry& registry, const Shared& given) {
  registry.command(
      app, "pause", "Begin no update of any device until 'resume'", [](const Context& c) { return pause(c, true); });
  registry.command(app, "resume", "Go on with updates", [](const Context& c) { return pause(c, false); });
  auto* listed = registry.command(app, "names", "Names of devices, files, groups, labels or releases, for completion",
      [given](const Context& c) { return names(c, given->name); });
  listed->add_option("kind", given->name)->required();
  listed->group("");  // not for people
}

}  // namespace

void add_fleet_commands(CLI::App& app, CommandRegistry& registry) {
  const auto given = std::make_shared<Given>();
  add_groups(app, registry, given);
  add_targets(app, registry, given);
  add_releases(app, registry, given);
  add_rollouts(app, registry, given);
  add_audit(app, registry, given);
  add_pause(app, registry, given);
}

}  // namespace drydock::cli
