#include "transport/dtls/key_schedule.hpp"

#include "crypto/hash.hpp"

#include <algorithm>
#include <stdexcept>

namespace drydock::transport::dtls {
namespace {

Bytes joined(ByteView a, ByteView b) {
  Bytes both(a.begin(), a.end());
  append(both, b);
  return both;
}

}  // namespace

Keys::Keys(ByteView block) {
  if (block.size() != key_block_size) throw std::logic_error("a key block has 40 bytes");
  auto from = block.begin();
  for (const auto part : {std::span<std::uint8_t>(client), std::span<std::uint8_t>(server),
           std::span<std::uint8_t>(client_iv), std::span<std::uint8_t>(server_iv)}) {
    std::copy_n(from, part.size(), part.begin());
    from += static_cast<std::ptrdiff_t>(part.size());
  }
}

Keys::~Keys() {
  crypto::wipe(client);
  crypto::wipe(server);
  crypto::wipe(client_iv);
  crypto::wipe(server_iv);
}

Bytes Keys::key_block() const {
  Bytes block;
  block.reserve(key_block_size);
  append(block, client);
  append(block, server);
  append(block, client_iv);
  append(block, server_iv);
  return block;
}

Bytes pseudo_random(ByteView secret, std::string_view label, ByteView seed, std::size_t size) {
  const auto labelled = joined(view_of(label), seed);
  Bytes out;
  auto a = crypto::hmac_sha256(secret, labelled);
  while (out.size() < size) {
    append(out, crypto::hmac_sha256(secret, joined(a, labelled)));
    a = crypto::hmac_sha256(secret, a);
  }
  out.resize(size);
  return out;
}

Bytes master_secret(ByteView premaster, ByteView client_random, ByteView server_random) {
  return pseudo_random(premaster, "master secret", joined(client_random, server_random), master_secret_size);
}

Keys expand_keys(ByteView master, ByteView client_random, ByteView server_random) {
  auto block = pseudo_random(master, "key expansion", joined(server_random, client_random), key_block_size);
  const Keys keys(block);
  crypto::wipe(block);
  return keys;
}

Bytes verify_data(Side side, ByteView master, ByteView transcript) {
  return pseudo_random(master, side == Side::client ? "client finished" : "server finished", crypto::sha256(transcript),
      verify_data_size);
}

}  // namespace drydock::transport::dtls
