// Looking into a file that somebody uploaded.
#pragma once

#include "server/firmware_import.hpp"

#include <functional>
#include <mutex>

namespace drydock::web {

/// One upload is in memory at a time, whichever API it came by: held from before it is read until it is stored.
[[nodiscard]] std::unique_lock<std::mutex> upload_turn();

/// Runs `validate` on a thread of its own: CivetWeb's have 100 kB of stack, which is little for unpacking what others
/// made.
Result<server::ValidatedModule> validate_apart(const std::function<Result<server::ValidatedModule>()>& validate);

}  // namespace drydock::web
