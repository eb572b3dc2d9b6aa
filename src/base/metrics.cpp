#include "base/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <mutex>
#include <string_view>

namespace drydock::metrics {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<const Metric*> metrics;
};

// Metrics are made before main(), in any order.
Registry& registry() {
  static Registry one;
  return one;
}

std::string in_braces(const std::string& labels) {
  return labels.empty() ? labels : "{" + labels + "}";
}

}  // namespace

Metric::Metric(const char* name, const char* help, std::string labels)
    : name_(name), help_(help), labels_(std::move(labels)) {
  const std::lock_guard lock(registry().mutex);
  registry().metrics.push_back(this);
}

void Counter::print(std::string& to) const {
  to += fmt::format("{}{} {}\n", name(), in_braces(labels()), value());
}

void Gauge::print(std::string& to) const {
  to += fmt::format("{}{} {}\n", name(), in_braces(labels()), value_.load(std::memory_order_relaxed));
}

Histogram::Histogram(const char* name, const char* help, std::span<const double> bounds, std::string labels)
    : Metric(name, help, std::move(labels)), bounds_(bounds), buckets_(bounds.size() + 1) {}

void Histogram::observe(double seconds) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), seconds) - bounds_.begin();
  buckets_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  microseconds_.fetch_add(static_cast<std::uint64_t>(std::max(seconds, 0.0) * 1e6), std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
  std::uint64_t sum = 0;
  for (const auto& bucket : buckets_) sum += bucket.load(std::memory_order_relaxed);
  return sum;
}

void Histogram::print(std::string& to) const {
  const auto before = labels().empty() ? "" : labels() + ",";
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    sum += buckets_[i].load(std::memory_order_relaxed);
    // With a fraction always: OpenMetrics has no other spelling for a bound.
    const auto bound = i == bounds_.size() ? "+Inf" : fmt::format("{:#.6g}", bounds_[i]);
    to += fmt::format("{}_bucket{{{}le=\"{}\"}} {}\n", name(), before, bound, sum);
  }
  to += fmt::format("{}_sum{} {}\n", name(), in_braces(labels()),
      static_cast<double>(microseconds_.load(std::memory_order_relaxed)) / 1e6);
  to += fmt::format("{}_count{} {}\n", name(), in_braces(labels()), sum);
}

std::vector<const Metric*> all() {
  std::vector<const Metric*> metrics;
  {
    const std::lock_guard lock(registry().mutex);
    metrics = registry().metrics;
  }
  std::stable_sort(metrics.begin(), metrics.end(),
      [](const Metric* a, const Metric* b) { return std::string_view(a->name()) < std::string_view(b->name()); });
  return metrics;
}

void print_head(std::string& to, std::string name, const char* help, const char* type, bool open) {
  constexpr std::string_view total = "_total";
  if (open && std::string_view(type) == "counter" && name.ends_with(total)) name.resize(name.size() - total.size());
  to += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

void print_family(std::string& to, const std::string& name, const char* help, const char* type,
    const std::vector<Sample>& samples, bool open) {
  print_head(to, name, help, type, open);
  for (const auto& sample : samples) {
    const bool whole = std::floor(sample.value) == sample.value && std::abs(sample.value) < 1e15;
    to += name + in_braces(sample.labels) +
        (whole ? fmt::format(" {}\n", static_cast<std::int64_t>(sample.value)) : fmt::format(" {}\n", sample.value));
  }
}

std::string label_value(const std::string& text) {
  std::string value;
  for (const char c : text) {
    if (c == '\n') value += "\\n";
    if (c == '"' || c == '\\') value += '\\';
    if (c != '\n') value += c;
  }
  return value;
}

}  // namespace drydock::metrics
