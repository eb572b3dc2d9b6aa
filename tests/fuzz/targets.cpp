// Everything that reads what a client, a device or a person sends, one libFuzzer target each (FUZZ_TARGET chooses).
// A target must not crash, leak or exceed its limits; where there is an encoder, what was accepted must come back.
#include "integrations/body_template.hpp"
#include "state/configuration.hpp"
#include "base/limits.hpp"
#include "coap/block.hpp"
#include "coap/message.hpp"
#include "crypto/pem.hpp"
#include "crypto/rsa.hpp"
#include "device/describe.hpp"
#include "device/hello.hpp"
#include "device/messages.hpp"
#include "device/vitals.hpp"
#include "firmware/module_file.hpp"
#include "server/admission.hpp"
#include "server/vitals.hpp"
#include "target.hpp"
#include "transfer/chunked_messages.hpp"
#include "transfer/image_check.hpp"
#include "transport/lightssl/frames.hpp"
#include "transport/lightssl/handshake.hpp"
#include "web/multipart.hpp"

#include <nlohmann/json.hpp>

namespace {

using namespace drydock;

[[maybe_unused]] void fuzz_coap(ByteView input) {
  const auto message = coap::decode(input);
  if (!message) return;
  require(message->options.size() <= limits::options_per_message);
  const auto again = coap::decode(coap::encode(*message));
  require(again && *again == *message);
  (void)device::request_type(*message);
  (void)device::parse_event(*message);
  (void)device::parse_hello(message->payload);
  (void)device::goodbye_words(message->payload);
  (void)transfer::missed_chunks(*message, 100);
  (void)transfer::parse_image_check(message->payload);
  (void)coap::find_block(*message, coap::option::block1);
}

// The first byte says how the stream is cut; the rest is the stream, under a key of zeros.
[[maybe_unused]] void fuzz_frames(ByteView input) {
  if (input.empty()) return;
  const std::size_t piece = 1 + input[0];
  transport::lightssl::FrameReader reader({}, {});
  for (auto rest = input.subspan(1); !rest.empty(); rest = rest.subspan(std::min(piece, rest.size()))) {
    reader.feed(rest.first(std::min(piece, rest.size())));
    for (;;) {
      const auto frame = reader.next();
      if (!frame) return;
      if (!*frame) break;
      require((*frame)->size() < limits::frame);
      (void)coap::decode(**frame);
    }
  }
}

[[maybe_unused]] void fuzz_claim(ByteView input) {
  const auto identity =
      transport::lightssl::parse_handshake(input, input.first(std::min<std::size_t>(input.size(), 40)));
  if (!identity) return;
  const auto key = crypto::RsaPublicKey::from_spki(identity->public_key);
  if (key) (void)key->modulus();
}

[[maybe_unused]] void fuzz_describe(ByteView input) {
  if (const auto vitals = device::parse_vitals(input)) {
    require(device::is_vitals(input) && vitals->size() <= 128);
    (void)server::vitals_json(*vitals).dump();
  }
  (void)device::parse_describe_json(input);
  const auto describe = device::parse_describe(input);
  if (!describe || !describe->system) return;
  require(describe->system->modules.size() <= limits::modules_per_describe);
  firmware::Inventory inventory;
  inventory.platform = 6;
  inventory.modules = describe->system->modules;
  require(inventory.effective().size() <= inventory.modules.size());
}

[[maybe_unused]] void fuzz_module(ByteView input) {
  if (const auto file = firmware::read_module_file(input)) {
    require(file->size <= input.size() && !file->members.empty());
    (void)firmware::check(*file);
  }
  const auto module = firmware::parse_module(input);
  if (!module) return;
  require(module->padding <= input.size());
  (void)firmware::check(*module);
}

[[maybe_unused]] void fuzz_configuration(ByteView input) {
  (void)state::parse_configuration(text_of(input), "fuzz");
}

// The first line is the header, the rest the body.
[[maybe_unused]] void fuzz_multipart(ByteView input) {
  const auto text = text_of(input);
  const auto line = std::min(text.find('\n'), text.size());
  const auto body = text.substr(std::min(line + 1, text.size()));
  const auto parts = web::parse_multipart(text.substr(0, line), body);
  if (!parts) return;
  require(parts->size() <= 32);
  for (const auto& part : *parts)
    require(
        part.content.data() >= body.data() && part.content.data() + part.content.size() <= body.data() + body.size());
}

// The first line is a template, the rest what a device has published.
[[maybe_unused]] void fuzz_body_template(ByteView input) {
  const auto text = text_of(input);
  const auto line = std::min(text.find('\n'), text.size());
  integrations::Variables variables{{"PARTICLE_EVENT_VALUE", std::string(text.substr(line))}};
  integrations::add_keys(variables, text.substr(std::min(line + 1, text.size())));
  (void)integrations::fill_in(text.substr(0, line), variables);
}

[[maybe_unused]] void fuzz_public_key(ByteView input) {
  const auto der = crypto::public_key_der(text_of(input));
  if (der) (void)server::is_device_key(*der);
  (void)server::is_device_key(input);
}

}  // namespace

FUZZ_ENTRY
