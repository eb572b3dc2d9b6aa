#include "store/writer.hpp"

#include "base/log.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "store/statement.hpp"

#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/this_coro.hpp>
#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace drydock::store {
namespace {

constexpr std::array commit_bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5};
metrics::Histogram commit_time(
    "drydock_database_commit_duration_seconds", "A transaction of the writer, with its sync.", commit_bounds);
metrics::Counter jobs_written("drydock_database_jobs_total", "What transactions of the writer had in them.");
metrics::Counter commits_failed("drydock_database_commits_failed_total", "Transactions that were not written.");
metrics::Gauge jobs_waiting("drydock_database_queue_jobs", "What waits to be written.");

Error storage_error(const std::string& reason) {
  return {ErrorKind::storage, "the database could not be written: " + reason};
}
Error storage_error(const std::exception& e) {
  return storage_error(std::string(e.what()));
}

}  // namespace

void Writer::post(std::function<void(Database&)> work) {
  Job job;
  job.work = std::move(work);
  submit(std::move(job));
}

asio::awaitable<Result<void>> Writer::perform(std::function<void(Database&)> work) {
  Job job;
  job.work = std::move(work);
  job.durable = true;
  co_return co_await wait_for(std::move(job));
}

asio::awaitable<Result<void>> Writer::wait_for(Job job) {
  auto error = std::make_shared<std::optional<Error>>();
  auto shared_job = std::make_shared<Job>(std::move(job));
  // Tracked: the loop must not end while somebody waits for the writer.
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto home =
      std::make_shared<asio::any_io_executor>(asio::prefer(executor, asio::execution::outstanding_work.tracked));
  // A captureless lambda starts the operation: see crypto/offload.hpp.
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [](auto handler, Writer* self, std::shared_ptr<Job> waiting, std::shared_ptr<std::optional<Error>> result,
          std::shared_ptr<asio::any_io_executor> kept) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        waiting->done = [shared, result, kept](std::optional<Error> e) {
          *result = std::move(e);
          (*shared)();
        };
        self->submit(std::move(*waiting));
      },
      asio::use_awaitable, this, shared_job, error, home);
  if (*error) co_return tl::unexpected(**error);
  co_return Result<void>{};
}

std::optional<std::string> Writer::run_reads(Database& db, std::vector<Job> jobs, const asio::any_io_executor& home) {
  std::optional<std::string> lost;
  std::vector<std::optional<Error>> errors(jobs.size());
  try {
    Transaction transaction(db, Connection::Transaction::reads);  // all of a job's queries see the same
    for (std::size_t i = 0; i < jobs.size(); ++i) errors[i] = attempt(db, jobs[i]);
  } catch (const std::exception& e) {
    for (auto& error : errors)
      error = Error{ErrorKind::storage, std::string("the database could not be read: ") + e.what()};
    if (dynamic_cast<const Unavailable*>(&e) != nullptr) lost = e.what();
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) finish(jobs[i], std::move(errors[i]), home);
  return lost;
}

// Everything that waits shares one transaction, and so one sync of the card.
Writer::Outcome Writer::commit(Database& db, const std::vector<Job>& batch) {
  Outcome outcome;
  outcome.errors.resize(batch.size());
  const auto began = Clock::now();
  try {
    db.connection().set_durable(std::any_of(batch.begin(), batch.end(), [](const Job& job) { return job.durable; }));
    Transaction transaction(db, Connection::Transaction::writes);
    for (std::size_t i = 0; i < batch.size(); ++i) outcome.errors[i] = attempt(db, batch[i]);
    outcome.in_doubt = true;
    transaction.commit();
    outcome.in_doubt = false;
    commit_time.observe(seconds_since(began));
    jobs_written.add(batch.size());
    return outcome;
  } catch (const Contended& e) {
    outcome.lost = e.what();
    outcome.again_at_once = true;
    outcome.in_doubt = false;
  } catch (const Unavailable& e) {
    outcome.lost = e.what();
  } catch (const std::exception& e) {
    outcome.errors.assign(batch.size(), storage_error(e));
    outcome.in_doubt = false;
    commits_failed.add();
  }
  return outcome;
}

void Writer::finish(std::vector<Job>& batch, Outcome& outcome, const asio::any_io_executor& home) {
  std::string told;  // a hundred may have the same to tell
  for (std::size_t i = 0; i < batch.size(); ++i) {
    auto& error = outcome.errors[i];
    if (error && !batch[i].done && std::exchange(told, error->message) != error->message)
      log::error("{}", error->message);
    finish(batch[i], std::move(error), home);
  }
}

// One job's failure must not undo the other jobs of its transaction, unless it is the disk's or the connection's.
std::optional<Error> Writer::attempt(Database& db, const Job& job) {
  std::string failure;
  try {
    Savepoint savepoint(db);
    job.work(db);
    savepoint.release();
    return std::nullopt;
  } catch (const detail::Undone&) {
    return std::nullopt;  // the savepoint is rolled back; its value says why
  } catch (const Unavailable&) {
    throw;
  } catch (const std::exception& e) {
    failure = e.what();
  }
  // A job after that would run outside of any transaction, and stay.
  if (!db.connection().in_transaction()) throw StoreError(failure);
  return storage_error(failure);
}

void Writer::finish(Job& job, std::optional<Error> error, const asio::any_io_executor& home) {
  if (!job.done) return;
  asio::post(home, [done = std::move(job.done), error = std::move(error)]() mutable { done(std::move(error)); });
}

namespace {

// What nobody waits for is committed with what somebody waits for: on a card every commit costs whole blocks.
constexpr auto longest_delay = std::chrono::seconds(1);

// While the database's server is away: how often it is tried, and how much that nobody waits for is kept meanwhile.
constexpr auto try_again_after = std::chrono::seconds(1);
constexpr std::size_t most_kept = 20'000;
constexpr int most_tries_at_once = 5;
// What so many wrote at once must not hold up what others wait for.
constexpr std::ptrdiff_t most_jobs_at_once = 1'000;

class ThreadWriter final : public Writer {
public:
  ThreadWriter(Database db, asio::any_io_executor home)
      : db_(std::move(db)), home_(std::move(home)), thread_([this] { run(); }) {}
  ~ThreadWriter() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void stop_waiting() override {
    {
      const std::lock_guard lock(mutex_);
      patient_ = false;
    }
    wake_.notify_one();
  }

  std::optional<std::string> unavailable() const override {
    const std::lock_guard lock(mutex_);
    return away_;
  }

protected:
  void submit(Job job) override {
    {
      const std::lock_guard lock(mutex_);
      auto& queue = job.reads ? reads_ : waiting_;
      if (away_ && !job.done && queue.size() >= most_kept) return;
      queue.push_back(std::move(job));
      jobs_waiting.set(std::ssize(waiting_));
    }
    wake_.notify_one();
  }

private:
  void run() {
    for (;;) {
      std::vector<Job> reads;
      std::vector<Job> batch;
      {
        std::unique_lock lock(mutex_);
        if (waiting_.empty()) {
          wake_.wait(lock, [this] { return stopping_ || !reads_.empty() || !waiting_.empty(); });
          write_at_ = std::chrono::steady_clock::now() + longest_delay;
        }
        wake_.wait_until(lock, write_at_, [this] { return stopping_ || !reads_.empty() || somebody_waits(); });
        reads.swap(reads_);
        const bool due = stopping_ || somebody_waits() || std::chrono::steady_clock::now() >= write_at_;
        if (due) {
          const auto end = waiting_.begin() + std::min(std::ssize(waiting_), most_jobs_at_once);
          batch.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
          waiting_.erase(waiting_.begin(), end);
          jobs_waiting.set(std::ssize(waiting_));
        }
        if (stopping_ && reads.empty() && batch.empty()) return;  // everything submitted is written first
      }
      if (!batch.empty()) write(std::move(batch));
      if (!reads.empty()) note(run_reads(db_, std::move(reads), home_));
    }
  }

  // Connected devices outlive a database server that restarts: what they wait for is written when it is back.
  void write(std::vector<Job> batch) {
    auto outcome = commit(db_, batch);
    for (int tries = 0; outcome.again_at_once && tries < most_tries_at_once; ++tries) outcome = commit(db_, batch);
    while (outcome.lost && wait_for_server(*outcome.lost)) {
      try {
        if (outcome.in_doubt && db_.connection().was_committed())
          outcome.lost.reset();
        else
          outcome = commit(db_, batch);
      } catch (const Unavailable& e) {
        outcome.lost = e.what();
      }
    }
    const bool given_up = outcome.lost.has_value();
    if (given_up) {
      outcome.errors.assign(batch.size(), storage_error(*outcome.lost));
      commits_failed.add();
    }
    finish(batch, outcome, home_);
    if (!given_up) note(std::nullopt);
  }

  /// Says once that the server went away, and once that it is back.
  void note(const std::optional<std::string>& lost) {
    const std::lock_guard lock(mutex_);
    const bool was_away = std::exchange(away_, lost).has_value();
    if (was_away == lost.has_value()) return;
    if (lost)
      log::error("{}. What there is to write waits for it", *lost);
    else
      log::notice("the database is back");
  }

  /// Meanwhile there is nothing to read. False: it is not waited for any more.
  bool wait_for_server(const std::string& why) {
    note(why);
    std::vector<Job> reads;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, try_again_after, [this] { return stopping_ || !patient_; });
    reads.swap(reads_);
    const bool go_on = !stopping_ && patient_;
    lock.unlock();
    for (auto& job : reads) Writer::finish(job, storage_error(why), home_);
    return go_on;
  }

  bool somebody_waits() const {
    return std::any_of(waiting_.begin(), waiting_.end(), [](const Job& job) { return job.durable; });
  }

  Database db_;
  asio::any_io_executor home_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> waiting_;
  std::vector<Job> reads_;
  std::chrono::steady_clock::time_point write_at_{};  ///< when the oldest of those that wait is written at the latest
  bool stopping_ = false;
  bool patient_ = true;
  std::optional<std::string> away_;  ///< why the database's server could not be used the last time
  std::thread thread_;
};

class LoopWriter final : public Writer {
public:
  LoopWriter(std::shared_ptr<Database> db, asio::any_io_executor home) : queue_(std::make_shared<Queue>()) {
    queue_->db = std::move(db);
    queue_->home = std::move(home);
  }
  ~LoopWriter() override { queue_->write(); }

protected:
  void submit(Job job) override {
    queue_->waiting.push_back(std::move(job));
    if (queue_->waiting.size() == 1) asio::post(queue_->home, [queue = queue_] { queue->write(); });
  }

private:
  // Outlives the writer while the loop still holds a call to it.
  struct Queue {
    void write() {
      auto batch = std::exchange(waiting, {});
      if (batch.empty()) return;
      auto outcome = commit(*db, batch);
      if (outcome.lost) outcome.errors.assign(batch.size(), storage_error(*outcome.lost));
      finish(batch, outcome, home);
    }
    std::shared_ptr<Database> db;
    asio::any_io_executor home;
    std::vector<Job> waiting;
  };
  std::shared_ptr<Queue> queue_;
};

}  // namespace

std::unique_ptr<Writer> Writer::on_thread(Database db, asio::any_io_executor home) {
  return std::make_unique<ThreadWriter>(std::move(db), std::move(home));
}

std::unique_ptr<Writer> Writer::on_loop(std::shared_ptr<Database> db, asio::any_io_executor home) {
  return std::make_unique<LoopWriter>(std::move(db), std::move(home));
}

}  // namespace drydock::store
