// What happened, for people.
#pragma once

#include "store/database.hpp"

#include <string>
#include <vector>

namespace drydock::store {

struct HistoryRow {
  std::int64_t at = 0;    ///< UTC milliseconds
  std::string device_id;  ///< empty: no known device
  std::string kind;       ///< connected, refused, step, …: a word to filter by
  std::string words;
};

/// Keeps the newest limits::history_per_device rows of each device (and as many of unknown devices together).
void append_history(Database& db, const HistoryRow& row);

/// Newest first; all devices when `device_id` is empty.
std::vector<HistoryRow> recent_history(Database& db, const std::string& device_id, int limit);
/// Newest first, of one kind.
std::vector<HistoryRow> recent_history_of_kind(Database& db, const std::string& kind, int limit);

}  // namespace drydock::store
