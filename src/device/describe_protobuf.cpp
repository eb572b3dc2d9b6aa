// Protobuf Describe, message particle.cloud.SystemDescribe from Device OS 5.5 (field numbers: PROTOCOL §4.2). Read
// straight from the wire with nanopb's stream functions: an unknown field is skipped, one of the wrong type ends only
// the message it stands in.
#include "base/limits.hpp"
#include "device/describe.hpp"

// Debian 12 has it here, Debian 13 there.
#if __has_include(<pb_decode.h>)
#include <pb_decode.h>
#else
#include <nanopb/pb_decode.h>
#endif

namespace drydock::device {
namespace {

using firmware::InstalledModule;
using firmware::StoreLocation;

// Calls `field(tag, type, stream)`, which returns whether it has consumed the field.
template <class Field>
bool read_fields(pb_istream_t& in, Field field) {
  while (in.bytes_left > 0) {
    pb_wire_type_t type;
    std::uint32_t tag = 0;
    bool end = false;
    if (!pb_decode_tag(&in, &type, &tag, &end)) return end;
    if (!field(tag, type, in) && !pb_skip_field(&in, type)) return false;
  }
  return true;
}

template <class Number>
bool take_varint(pb_wire_type_t type, pb_istream_t& in, Number& into) {
  std::uint64_t value = 0;
  if (type != PB_WT_VARINT || !pb_decode_varint(&in, &value)) return false;
  into = static_cast<Number>(value);
  return true;
}

bool take_fixed32(pb_wire_type_t type, pb_istream_t& in, std::uint32_t& into) {
  return type == PB_WT_32BIT && pb_decode_fixed32(&in, &into);
}

// Something longer than `limit` is consumed and left empty.
bool take_bytes(pb_wire_type_t type, pb_istream_t& in, Bytes& into, std::size_t limit) {
  pb_istream_t content;
  if (type != PB_WT_STRING || !pb_make_string_substream(&in, &content)) return false;
  if (content.bytes_left <= limit) {
    into.resize(content.bytes_left);
    pb_read(&content, into.data(), into.size());
  }
  return pb_close_string_substream(&in, &content);
}

bool take_text(pb_wire_type_t type, pb_istream_t& in, std::string& into) {
  Bytes bytes;
  if (!take_bytes(type, in, bytes, limits::text)) return false;
  into.assign(bytes.begin(), bytes.end());
  return true;
}

template <class Reader>
bool take_message(pb_wire_type_t type, pb_istream_t& in, Reader reader) {
  pb_istream_t content;
  if (type != PB_WT_STRING || !pb_make_string_substream(&in, &content)) return false;
  reader(content);
  return pb_close_string_substream(&in, &content);
}

bool read_dependency(pb_istream_t& in, firmware::Dependency& d) {
  return read_fields(in, [&](std::uint32_t tag, pb_wire_type_t type, pb_istream_t& s) {
    switch (tag) {
      case 1: return take_varint(type, s, d.key.function);
      case 2: return take_varint(type, s, d.key.index);
      case 3: return take_varint(type, s, d.version);
      default: return false;
    }
  });
}

// Added to the list when it is whole: FirmwareModuleAsset, hash 1 and name 2.
bool take_asset(pb_wire_type_t type, pb_istream_t& in, std::vector<firmware::Asset>& list) {
  return take_message(type, in, [&](pb_istream_t& content) {
    firmware::Asset asset;
    Bytes hash;
    const bool read = read_fields(content, [&](std::uint32_t tag, pb_wire_type_t of, pb_istream_t& s) {
      switch (tag) {
        case 1: return take_bytes(of, s, hash, 32);
        case 2: return take_text(of, s, asset.name);
        default: return false;
      }
    });
    if (!read || hash.size() != 32 || list.size() == limits::assets_per_application) return;
    asset.sha256 = to_hex(hash);
    list.push_back(std::move(asset));
  });
}

bool read_module(pb_istream_t& in, InstalledModule& m, std::vector<firmware::Asset>& required_assets) {
  return read_fields(in, [&](std::uint32_t tag, pb_wire_type_t type, pb_istream_t& s) {
    switch (tag) {
      case 1: return take_varint(type, s, m.key.function);
      case 2: return take_varint(type, s, m.key.index);
      case 3: return take_varint(type, s, m.version);
      case 4: {
        std::uint32_t store = 0;
        if (!take_varint(type, s, store)) return false;
        m.store = store <= 3 ? static_cast<StoreLocation>(store) : StoreLocation::other;
        return true;
      }
      case 5: return take_varint(type, s, m.max_size);
      case 6: return take_fixed32(type, s, m.checked);
      case 7: return take_fixed32(type, s, m.passed);
      case 8: {
        Bytes hash;
        if (!take_bytes(type, s, hash, 32)) return false;
        // Devices fill in zeros where they know no hash.
        if (hash.size() == 32 && hash != Bytes(32, 0)) m.sha256 = to_hex(hash);
        return true;
      }
      case 9:
        return take_message(type, s, [&](pb_istream_t& content) {
          firmware::Dependency d;
          if (read_dependency(content, d) && d.exists() && m.dependencies.size() < limits::dependencies_per_module)
            m.dependencies.push_back(d);
        });
      case 10: return take_asset(type, s, required_assets);
      default: return false;
    }
  });
}

}  // namespace

Result<SystemDescribe> parse_describe_protobuf(ByteView payload) {
  SystemDescribe system;
  auto in = pb_istream_from_buffer(payload.data(), payload.size());
  const bool whole = read_fields(in, [&](std::uint32_t tag, pb_wire_type_t type, pb_istream_t& s) {
    switch (tag) {
      case 1:
        return take_message(type, s, [&](pb_istream_t& content) {
          InstalledModule module;
          std::vector<firmware::Asset> required;
          const bool read = read_module(content, module, required);
          if (module.store == StoreLocation::main && !required.empty()) system.required_assets = std::move(required);
          if (read && module.key.function != firmware::Function::none &&
              system.modules.size() < limits::modules_per_describe)
            system.modules.push_back(std::move(module));
        });
      case 2: return take_text(type, s, system.imei);
      case 3: return take_text(type, s, system.iccid);
      case 4: return take_text(type, s, system.modem_firmware);
      case 5: return take_asset(type, s, system.assets);
      default: return false;
    }
  });
  if (!whole) return failure(ErrorKind::malformed, "Describe is neither JSON nor a whole protobuf message");
  return system;
}

}  // namespace drydock::device
