// What a device says about a received image, and the numbers it says it with, turned into words.
#pragma once

#include "base/bytes.hpp"

#include <optional>
#include <string>

namespace drydock::transfer {

/// Device OS system error numbers that an update can end with (PROTOCOL §5.6): "the image is damaged (-1330)".
std::string system_error_words(int code);

/// ProtocolError numbers, the payload of an update abort (PROTOCOL §5.2).
std::string protocol_error_words(int code);

struct ImageCheck {
  bool accepted = true;
  std::string words;  ///< why not; empty when accepted or when the device says nothing
};

/// The payload of the acknowledgement to UpdateDone (PROTOCOL §5.4): nothing up to 0.6; `{"r":"ok","u":{...}}` with
/// validity bits in 0.7 to 1.5, possibly cut; `{"r":N}` from 2.0. What cannot be read counts as accepted: the next
/// Describe decides.
ImageCheck parse_image_check(ByteView payload);

}  // namespace drydock::transfer
