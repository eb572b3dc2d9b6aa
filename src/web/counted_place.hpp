// A place among a limited number of them, for as long as this lives.
#pragma once

#include <atomic>

namespace drydock::web {

class CountedPlace {
public:
  explicit CountedPlace(std::atomic<int>& count) : count_(count), number_(++count) {}
  ~CountedPlace() { --count_; }
  CountedPlace(const CountedPlace&) = delete;
  CountedPlace& operator=(const CountedPlace&) = delete;

  /// How many there were with this one, when it was taken.
  int number() const { return number_; }

private:
  std::atomic<int>& count_;
  int number_;
};

}  // namespace drydock::web
