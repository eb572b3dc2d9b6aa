// What happened, for people.
#pragma once

#include "integrations/message.hpp"

#include <cstdint>
#include <map>
#include <span>

namespace drydock::integrations {

/// Events that somebody has to do something about: the names of them all.
std::span<const char* const> urgent_events();
bool is_urgent(const std::string& event);
/// Whether who is told of `name` is told of this event. Names of the system's events are whole ones, unless they end
/// with
/// '/': "spark/status" does not mean spark/status/safe-mode. Others are beginnings.
bool means(const std::string& name, const std::string& event);
/// Whether somebody who is told of this, a name or its beginning up to a '/', can be told of anything: of what begins
/// with drydock/ all names are known.
bool may_come(const std::string& beginning);
/// The gravest first, else as it was.
void sort_by_gravity(std::vector<Told>& told);
/// Of a digest: how many there were of what, "3 devices failed, 1 rollout stopped". For one it is its line.
std::string headline(const std::vector<Told>& told);
/// "97 of 100 devices are up to date": of devices by store::shown_state(), without those that nobody let in. Empty:
/// there are none.
std::string fleet_in_words(const std::map<std::string, std::int64_t>& devices_by_state);

}  // namespace drydock::integrations
