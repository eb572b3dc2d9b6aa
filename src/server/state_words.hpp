// Where a device stands, in the words that the page uses too.
#pragma once

#include "store/devices.hpp"

#include <span>

namespace drydock::server {

/// "waits for approval": of what store::shown_state() gives.
std::string state_name(const std::string& shown_state);
/// "3 wait for approval"
std::string counted_state(const std::string& shown_state, std::int64_t count);
/// All that store::shown_state() gives.
std::vector<std::string> device_states();
/// Of these, what somebody has to do something about.
std::span<const char* const> states_that_need_a_person();
/// The sentence, where there is one.
/// `away_before`: see store::shown_state().
std::string state_in_words(const store::DeviceRow& row, std::int64_t away_before);

}  // namespace drydock::server
