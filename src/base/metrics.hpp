// Numbers about the program itself, for Prometheus: each is defined beside the code that counts, and known to whoever
// prints all of them. Any thread; counting costs an atomic addition.
#pragma once

#include "base/clock.hpp"

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace drydock {

inline double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

}  // namespace drydock

namespace drydock::metrics {

/// A number with its name and labels. Lives as long as the program: defined at namespace scope.
class Metric {
public:
  /// Names and units: https://prometheus.io/docs/practices/naming. Those of one family have one name and other labels:
  /// `transport="tcp"`.
  Metric(const char* name, const char* help, std::string labels);
  virtual ~Metric() = default;
  Metric(const Metric&) = delete;
  Metric& operator=(const Metric&) = delete;

  const char* name() const { return name_; }
  const char* help() const { return help_; }
  const std::string& labels() const { return labels_; }
  virtual const char* type() const = 0;
  /// Its lines, as the text formats of Prometheus and OpenMetrics have them in common.
  virtual void print(std::string& to) const = 0;

private:
  const char* name_;
  const char* help_;
  std::string labels_;
};

/// What only grows. Its name ends in _total.
class Counter final : public Metric {
public:
  explicit Counter(const char* name, const char* help, std::string labels = "")
      : Metric(name, help, std::move(labels)) {}
  void add(std::uint64_t more = 1) { value_.fetch_add(more, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }
  const char* type() const override { return "counter"; }
  void print(std::string& to) const override;

private:
  std::atomic<std::uint64_t> value_{0};
};

/// What is so many just now.
class Gauge final : public Metric {
public:
  explicit Gauge(const char* name, const char* help, std::string labels = "") : Metric(name, help, std::move(labels)) {}
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  const char* type() const override { return "gauge"; }
  void print(std::string& to) const override;

private:
  std::atomic<std::int64_t> value_{0};
};

/// How often something took how long, in seconds.
class Histogram final : public Metric {
public:
  /// `bounds`: upper ends of the buckets, growing; at namespace scope.
  explicit Histogram(const char* name, const char* help, std::span<const double> bounds, std::string labels = "");
  void observe(double seconds);
  std::uint64_t count() const;
  const char* type() const override { return "histogram"; }
  void print(std::string& to) const override;

private:
  std::span<const double> bounds_;
  std::vector<std::atomic<std::uint64_t>> buckets_;  ///< not summed up; the last one: beyond all bounds
  std::atomic<std::uint64_t> microseconds_{0};
};

/// All there are; those of one family follow each other.
std::vector<const Metric*> all();

/// A family whose numbers are worked out when they are asked for.
struct Sample {
  std::string labels;  ///< as of Metric
  double value = 0;
};
/// In `to`: what describes a family, and its samples. `open`: as OpenMetrics wants it, which names counters without
/// their _total there.
void print_head(std::string& to, std::string name, const char* help, const char* type, bool open);
void print_family(std::string& to, const std::string& name, const char* help, const char* type,
    const std::vector<Sample>& samples, bool open);
/// As a label's value may be: of whatever people or devices call something.
std::string label_value(const std::string& text);

}  // namespace drydock::metrics
