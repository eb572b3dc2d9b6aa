// Which devices that were let in are not connected, and since when, as whoever looks at them again and again finds
// them.
#pragma once

#include "store/database.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace drydock::store {

struct Absence {
  std::string device_id;
  std::int64_t since = 0;  ///< UTC milliseconds
};

struct AbsenceNews {
  std::vector<Absence> begun;  ///< nobody was told of these yet
  std::vector<Absence> ended;  ///< of devices whose absence was told of
};

/// The service begins: whoever is not here had no chance to come.
void restart_absences(Database& db, std::int64_t now);
/// The clock was set, by so many milliseconds.
void shift_absences(Database& db, std::int64_t by);
/// Nobody watches any more.
void forget_absences(Database& db);
/// Writes down who is not connected and who is again. `longest`: milliseconds that one may be away before anybody is
/// told; of several machines that share the database one is told. `most`: beginnings, and ends, at once.
AbsenceNews look_at_absences(Database& db, std::int64_t now, std::int64_t longest, int most);

}  // namespace drydock::store
