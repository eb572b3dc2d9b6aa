// What somebody who is let in may do: scopes, and which of them a user's role has.
#pragma once

#include "base/result.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace drydock::web {

enum class Scope : unsigned {
  read = 1,        ///< look at the fleet, read variables, hear events
  call = 2,        ///< call functions, publish events, let a device signal
  flash = 4,       ///< what devices run: firmware, targets, updates; their names and notes
  administer = 8,  ///< who may come in, devices and people
  metrics = 16,    ///< the numbers at /metrics; who may read may do that too
  release = 32,    ///< firmware into the library, and releases of it: no rollouts and targets; part of flash
};

class Scopes {
public:
  constexpr Scopes() = default;
  constexpr Scopes(std::initializer_list<Scope> scopes) {
    for (const auto scope : scopes) bits_ |= static_cast<unsigned>(scope);
  }
  static constexpr Scopes all() { return {Scope::read, Scope::call, Scope::flash, Scope::administer}; }
  /// Words between blanks, as RFC 6749 §3.3 has it. ErrorKind::malformed for a word that is no scope.
  static Result<Scopes> parse(std::string_view words);

  /// The same; without a word all of them.
  static Result<Scopes> parse_or_all(std::string_view words) { return words.empty() ? all() : parse(words); }

  constexpr bool has(Scope scope) const {
    if (scope == Scope::metrics && has(Scope::read)) return true;
    if (scope == Scope::release && has(Scope::flash)) return true;
    return (bits_ & static_cast<unsigned>(scope)) != 0;
  }
  constexpr bool empty() const { return bits_ == 0; }
  /// Of these, what the others have too.
  Scopes within(Scopes other) const;
  std::vector<std::string> names() const;
  std::string text() const;
  friend constexpr bool operator==(Scopes a, Scopes b) { return a.bits_ == b.bits_; }

private:
  unsigned bits_ = 0;
};

std::string_view name_of(Scope scope);
/// For who has not got it.
std::string lacking_words(Scope needed);

/// Of "viewer", "operator" and "owner". ErrorKind::malformed: it is another word.
Result<Scopes> scopes_of_role(std::string_view role);

}  // namespace drydock::web
