#include "web/validation.hpp"

#include <future>

namespace drydock::web {

std::unique_lock<std::mutex> upload_turn() {
  static std::mutex mutex;
  return std::unique_lock(mutex);
}

Result<server::ValidatedModule> validate_apart(const std::function<Result<server::ValidatedModule>()>& validate) {
  return std::async(std::launch::async, validate).get();
}

}  // namespace drydock::web
