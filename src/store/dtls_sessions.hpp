// DTLS sessions as rows. Their keys are as secret as the server's own: the state folder is for its owner only.
#pragma once

#include "base/bytes.hpp"
#include "store/database.hpp"

#include <optional>
#include <vector>

namespace drydock::store {

struct DtlsSessionRow {
  Bytes id;               ///< 8 bytes
  std::string device_id;  ///< 24 hexadecimal digits
  Bytes keys;             ///< 40 bytes
  bool uses_connection_id = true;
  Bytes client_key;  ///< SubjectPublicKeyInfo
  std::uint64_t reserved = 0;
  std::uint64_t received_next = 0;
  std::uint64_t received_seen = 0;
  std::string address;
  std::uint16_t port = 0;
  Bytes hello_payload;
};

/// Replaces an older session of the same device. Of the same session no number ever goes back.
void save_dtls_session(Database& db, const DtlsSessionRow& row, std::int64_t now);
bool has_dtls_session(Database& db, const std::string& device_id);
/// `node`: only if that one has its device; 0: there is one machine only.
void forget_dtls_session(Database& db, const Bytes& id, std::int64_t node);
/// Whether another machine has taken numbers of this session behind `reserved`.
bool is_reserved_beyond(Database& db, const Bytes& id, std::uint64_t reserved);

/// Nobody goes on with any of them: another database has them now.
void forget_all_dtls_sessions(Database& db);

/// By its id, by its device, or by where the device was last, whichever is given.
std::vector<DtlsSessionRow> find_dtls_sessions(
    Database& db, const Bytes& id, const std::string& device_id, const std::string& address, std::uint16_t port);
/// That of a device, after raising `reserved` of it, as load_and_reserve_dtls_sessions() does.
std::optional<DtlsSessionRow> reserve_dtls_session(
    Database& db, const std::string& device_id, std::uint64_t reservation);

/// All of them, after raising `reserved` of each by `reservation` in the same transaction: what is returned goes on
/// from the old number. No session is too old: there is one a device, and the device has it as long as we do.
std::vector<DtlsSessionRow> load_and_reserve_dtls_sessions(Database& db, std::uint64_t reservation);

}  // namespace drydock::store
