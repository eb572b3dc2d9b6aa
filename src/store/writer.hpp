// All writing goes through one thread, so that an SD card that takes 30 ms for a sync stalls neither the event loop nor
// one writer for each device: whatever waits shares a transaction and its sync.
#pragma once

#include "base/result.hpp"
#include "store/database.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace drydock::store {

class Writer {
public:
  /// On a thread of its own. Results come back on `home`.
  static std::unique_ptr<Writer> on_thread(Database db, asio::any_io_executor home);
  /// On the loop's own thread, in its next turn: for the simulator and tests, which have nothing to gain from a thread.
  static std::unique_ptr<Writer> on_loop(std::shared_ptr<Database> db, asio::any_io_executor home);

  virtual ~Writer() = default;

  /// Runs `work` in a transaction; what it wrote is on disk when the awaiting coroutine goes on. ErrorKind::storage,
  /// with nothing of `work` written, when it throws or the commit fails. A Result that is a failure comes back as the
  /// value, with nothing written either. While the server of a PostgreSQL is away it waits, and `work` may run again.
  template <class T>
  asio::awaitable<Result<T>> perform(std::function<T(Database&)> work);
  asio::awaitable<Result<void>> perform(std::function<void(Database&)> work);

  /// Runs `work`, which only reads, as soon as the disk is free: it sees what perform() wrote, and may miss what was
  /// posted and is not written yet, which it does not hurry.
  template <class T>
  asio::awaitable<Result<T>> read(std::function<T(Database&)> work);

  /// Runs `work` within a second or so; it may be lost in a power cut. Failures are logged.
  void post(std::function<void(Database&)> work);

  /// Any thread: words while the database's server cannot be reached or writes nothing. Who can wait begins nothing
  /// then.
  virtual std::optional<std::string> unavailable() const { return std::nullopt; }

  /// From now on a server that is away is not waited for: who stops must come to an end.
  virtual void stop_waiting() {}

protected:
  struct Job {
    std::function<void(Database&)> work;
    std::function<void(std::optional<Error>)> done;  ///< empty: nobody waits
    bool durable = false;
    bool reads = false;
  };
  virtual void submit(Job job) = 0;

  /// Words when the database's server cannot be reached.
  static std::optional<std::string> run_reads(Database& db, std::vector<Job> jobs, const asio::any_io_executor& home);
  /// What became of a transaction.
  struct Outcome {
    std::vector<std::optional<Error>> errors;  ///< of each job
    std::optional<std::string>
        lost;  ///< the database's server cannot be reached: nothing is written, unless `in_doubt`
    bool in_doubt = false;
    bool again_at_once = false;  ///< only contended: nothing is away
  };
  /// Writes all jobs in one transaction.
  static Outcome commit(Database& db, const std::vector<Job>& batch);
  /// Tells those who wait, on `home`.
  static void finish(std::vector<Job>& batch, Outcome& outcome, const asio::any_io_executor& home);
  static void finish(Job& job, std::optional<Error> error, const asio::any_io_executor& home);

private:
  asio::awaitable<Result<void>> wait_for(Job job);
  static std::optional<Error> attempt(Database& db, const Job& job);
};

namespace detail {
/// Thrown by a job whose work gave a failure: what it wrote before is undone.
struct Undone {};

template <class T>
bool failed(const T&) {
  return false;
}
template <class T>
bool failed(const Result<T>& result) {
  return !result.has_value();
}
}  // namespace detail

template <class T>
asio::awaitable<Result<T>> Writer::perform(std::function<T(Database&)> work) {
  auto value = std::make_shared<std::optional<T>>();
  std::function<void(Database&)> job = [value, work = std::move(work)](Database& db) {
    value->emplace(work(db));
    if (detail::failed(**value)) throw detail::Undone{};
  };
  const auto done = co_await perform(std::move(job));
  if (!done) co_return tl::unexpected(done.error());
  co_return std::move(**value);
}

template <class T>
asio::awaitable<Result<T>> Writer::read(std::function<T(Database&)> work) {
  auto value = std::make_shared<std::optional<T>>();
  Job job;
  job.work = [value, work = std::move(work)](Database& db) { value->emplace(work(db)); };
  job.reads = true;
  const auto done = co_await wait_for(std::move(job));
  if (!done) co_return tl::unexpected(done.error());
  co_return std::move(**value);
}

}  // namespace drydock::store
