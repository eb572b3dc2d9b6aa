#include "web/scopes.hpp"

#include <array>
#include <utility>

namespace drydock::web {
namespace {

constexpr std::array<std::pair<Scope, std::string_view>, 6> names_of_scopes{
    {{Scope::read, "read"}, {Scope::call, "call"}, {Scope::flash, "flash"}, {Scope::administer, "administer"},
        {Scope::metrics, "metrics"}, {Scope::release, "release"}}};

}  // namespace

Result<Scopes> Scopes::parse(std::string_view words) {
  Scopes scopes;
  while (!words.empty()) {
    const auto end = std::min(words.find(' '), words.size());
    const auto word = words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
    if (word.empty()) continue;
    Scopes one;
    for (const auto& [scope, name] : names_of_scopes)
      if (name == word) one = {scope};
    if (one.empty())
      return failure(ErrorKind::malformed,
          "a scope is one of read, call, flash, administer, metrics and release, not '" + std::string(word) + "'");
    scopes.bits_ |= one.bits_;
  }
  return scopes;
}

Scopes Scopes::within(Scopes other) const {
  Scopes both;
  for (const auto& [scope, name] : names_of_scopes)
    if ((bits_ & static_cast<unsigned>(scope)) != 0 && other.has(scope)) both.bits_ |= static_cast<unsigned>(scope);
  return both;
}

std::vector<std::string> Scopes::names() const {
  std::vector<std::string> names;
  for (const auto& [scope, name] : names_of_scopes)
    if ((bits_ & static_cast<unsigned>(scope)) != 0) names.emplace_back(name);
  return names;
}

std::string Scopes::text() const {
  std::string text;
  for (const auto& name : names()) text += (text.empty() ? "" : " ") + name;
  return text;
}

std::string_view name_of(Scope scope) {
  for (const auto& [one, name] : names_of_scopes)
    if (one == scope) return name;
  return "";
}

std::string lacking_words(Scope needed) {
  return "this needs the scope '" + std::string(name_of(needed)) + "', which your role, or the token, does not have";
}

Result<Scopes> scopes_of_role(std::string_view role) {
  if (role == "viewer") return Scopes{Scope::read};
  if (role == "operator") return Scopes{Scope::read, Scope::call, Scope::flash};
  if (role == "owner") return Scopes::all();
  return failure(ErrorKind::malformed, "a role is one of viewer, operator and owner");
}

}  // namespace drydock::web
