// A database whose contents were moved to another one says so: used again by mistake it would bring old devices,
// passwords and counters back.
#pragma once

#include "store/database.hpp"

#include <optional>

namespace drydock::store {

/// Until the one it comes from is marked, a copy is opened by those alone who say that they know: two that both open
/// would go apart. Within the transaction that copies.
void note_unfinished_move(Database& to, const Location& from);
void finish_move(Database& to);
/// Where an unfinished copy comes from.
std::optional<std::string> unfinished_move_from(Database& db);

/// From now on it is opened by those alone who say that they know.
void note_moved(Database& from, const Location& to);

/// Where it was moved to, for people; nothing: it is in use.
std::optional<std::string> moved_to(Database& db);
/// The same words of a location.
std::string where(const Location& location);

/// Throws StoreError with words on where everything is and what to do. `here` names this database to people.
void require_not_moved(Database& db, const std::string& here);

}  // namespace drydock::store
