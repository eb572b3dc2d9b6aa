// Runs a slow function on a thread pool and resumes the awaiting coroutine on its own executor, so that a private-key
// operation or the hash of a large file never holds up the event loop.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

namespace drydock::crypto {

/// Where slow work goes. Without a pool (tests, simulator) it is done at once, on the caller's thread.
class Workers {
public:
  Workers() = default;
  explicit Workers(asio::any_io_executor pool) : pool_(std::move(pool)) {}
  const std::optional<asio::any_io_executor>& pool() const { return pool_; }

private:
  std::optional<asio::any_io_executor> pool_;
};

namespace detail {

// A captureless lambda starts the operation: g++ 12 destroys captures twice in an expression that awaits.
template <class T>
asio::awaitable<void> cross(
    asio::any_io_executor pool, asio::any_io_executor home, std::shared_ptr<std::function<void()>> work) {
  return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [](auto handler, asio::any_io_executor to, asio::any_io_executor back,
          std::shared_ptr<std::function<void()>> job) {
        asio::post(to, [handler = std::move(handler), back = std::move(back), job = std::move(job)]() mutable {
          (*job)();
          asio::post(back, std::move(handler));
        });
      },
      asio::use_awaitable, std::move(pool), std::move(home), std::move(work));
}

}  // namespace detail

/// What `work` throws is thrown again where it is awaited.
template <class T>
asio::awaitable<T> offload(const Workers& workers, std::function<T()> work) {
  if (!workers.pool()) co_return work();
  auto result = std::make_shared<std::optional<T>>();
  auto job = std::make_shared<std::function<void()>>();
  auto thrown = std::make_shared<std::exception_ptr>();
  *job = [result, thrown, work = std::move(work)] {
    try {
      result->emplace(work());
    } catch (...) {
      *thrown = std::current_exception();
    }
  };
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  // Tracked: the loop must not end while somebody waits for the pool.
  const asio::any_io_executor home = asio::prefer(executor, asio::execution::outstanding_work.tracked);
  co_await detail::cross<T>(*workers.pool(), home, job);
  if (*thrown) std::rethrow_exception(*thrown);
  co_return std::move(**result);
}

}  // namespace drydock::crypto
