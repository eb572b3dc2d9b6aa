// How values and SQL look at PostgreSQL, which takes and gives them as text.
#pragma once

#include "base/bytes.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace drydock::store {

/// What PostgreSQL can store as text: no NUL, and UTF-8. Everything else becomes U+FFFD.
std::string storable_text(std::string_view text);
/// "12", or a boolean's "t" and "f". Anything else is 0.
std::int64_t integer_value(std::string_view text);
/// Of a bytea, as \x and hexadecimal digits.
Bytes bytes_value(std::string_view text);
/// ? becomes $1, $2 …, and ?2 $2, outside of quotes.
std::string numbered_parameters(std::string_view sql);

/// Whether it is the address of a PostgreSQL, and not something else.
bool is_postgresql_url(const std::string& url);
/// What is wrong with its spelling, and what to do; empty: nothing. libpq would show parts of a password that it takes
/// for something else.
std::string fault_of_url(const std::string& url);
/// Without its password, to be shown; of a misspelled one rather too little.
std::string shown_url(const std::string& url);

}  // namespace drydock::store
