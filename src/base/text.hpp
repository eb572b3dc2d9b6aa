// Texts for people: kept to a length, taken apart.
#pragma once

#include <string>
#include <string_view>

namespace drydock {

/// At most `bytes` of it, never cut in the middle of a UTF-8 sequence; what was cut is shown by "…".
inline std::string shorten(std::string_view text, std::size_t bytes) {
  constexpr std::string_view more = "…";
  if (text.size() <= bytes) return std::string(text);
  std::size_t end = bytes > more.size() ? bytes - more.size() : 0;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + std::string(more);
}

/// Of ASCII letters; others stay.
inline std::string lower_ascii(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// Whether its beginning, in lower-case ASCII letters, is `prefix`.
inline bool begins_with_lower_ascii(std::string_view text, std::string_view prefix) {
  return lower_ascii(std::string(text.substr(0, prefix.size()))) == prefix;
}

/// The address of "192.168.1.20:5683" or "[fe80::1]:5683" without its port.
inline std::string without_port(const std::string& peer) {
  return peer.substr(0, peer.rfind(':'));
}

}  // namespace drydock
