// What was said of updates, groups and the audit as JSON: what `--json` prints and what the API answers.
#pragma once

#include "store/audit.hpp"
#include "store/groups.hpp"
#include "store/policies.hpp"

#include <string>
#include <vector>

namespace drydock::server {

/// {"targets": […]}
std::string policies_as_json(store::Database& db, const std::vector<store::PolicyRow>& rows);
/// {"groups": […], "labels": […], "rules": […]}
std::string groups_as_json(const std::vector<store::GroupCount>& groups, const std::vector<store::GroupCount>& labels,
    const std::vector<store::GroupRule>& rules);
/// {"changes": […], "next": …}: the latest first; `next`: what `before` is for those before, or null.
std::string audit_as_json(const std::vector<store::AuditRow>& rows, bool more);
/// With a line of headings (RFC 4180).
std::string audit_as_csv(const std::vector<store::AuditRow>& rows);

}  // namespace drydock::server
