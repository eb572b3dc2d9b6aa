// Whoever wants to hear of something, on the loop alone.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

namespace drydock {

template <class... Args>
class Listeners {
public:
  /// Told until what this gives is gone.
  [[nodiscard]] std::shared_ptr<void> add(std::function<void(Args...)> told) {
    auto listener = std::make_shared<std::function<void(Args...)>>(std::move(told));
    std::erase_if(listeners_, [](const auto& other) { return other.expired(); });
    listeners_.push_back(listener);
    return listener;
  }

  void tell(Args... args) const {
    // A copy: who is told may add others.
    for (const auto& each : std::vector(listeners_))
      if (const auto listener = each.lock()) (*listener)(args...);
  }

private:
  std::vector<std::weak_ptr<std::function<void(Args...)>>> listeners_;
};

}  // namespace drydock
