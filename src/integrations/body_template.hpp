// Bodies of webhooks by a template, with the variables that webhooks of Particle's cloud have
// (https://docs.particle.io/reference/cloud-apis/webhooks): {{PARTICLE_EVENT_NAME}} and such, and the keys of the
// event's data where that is a JSON object.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace drydock::integrations {

using Variables = std::map<std::string, std::string, std::less<>>;

/// {{name}} as it stands within a string of JSON, {{{name}}} as it is; empty for what there is not.
std::string fill_in(std::string_view body_template, const Variables& variables);

/// The data's keys, and of objects within it "outer.inner"; none where it is no object.
void add_keys(Variables& to, std::string_view json);

}  // namespace drydock::integrations
