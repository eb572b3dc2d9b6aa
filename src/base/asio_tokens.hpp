// Completion tokens under one name on Asio 1.22 (Debian 12) and 1.30 (Debian 13).
#pragma once

#include <asio/use_awaitable.hpp>
#if __has_include(<asio/as_tuple.hpp>)
#include <asio/as_tuple.hpp>
namespace drydock {
inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
}
#else
#include <asio/experimental/as_tuple.hpp>
namespace drydock {
inline constexpr auto as_result = asio::experimental::as_tuple(asio::use_awaitable);
}
#endif
