#include "integrations/libmosquitto.hpp"

#include "base/shared_library.hpp"

namespace drydock::integrations {
namespace {

Result<Libmosquitto> load_library() {
  SharedLibrary library({"libmosquitto.so.1"});
  Libmosquitto mosquitto{};
  library.find(mosquitto.lib_init, "mosquitto_lib_init");
  library.find(mosquitto.create, "mosquitto_new");
  library.find(mosquitto.destroy, "mosquitto_destroy");
  library.find(mosquitto.will_set, "mosquitto_will_set");
  library.find(mosquitto.username_pw_set, "mosquitto_username_pw_set");
  library.find(mosquitto.tls_set, "mosquitto_tls_set");
  library.find(mosquitto.connect_async, "mosquitto_connect_async");
  library.find(mosquitto.connect, "mosquitto_connect");
  library.find(mosquitto.disconnect, "mosquitto_disconnect");
  library.find(mosquitto.socket, "mosquitto_socket");
  library.find(mosquitto.loop_read, "mosquitto_loop_read");
  library.find(mosquitto.loop_write, "mosquitto_loop_write");
  library.find(mosquitto.loop_misc, "mosquitto_loop_misc");
  library.find(mosquitto.want_write, "mosquitto_want_write");
  library.find(mosquitto.publish, "mosquitto_publish");
  library.find(mosquitto.subscribe, "mosquitto_subscribe");
  library.find(mosquitto.unsubscribe, "mosquitto_unsubscribe");
  library.find(mosquitto.connect_callback_set, "mosquitto_connect_callback_set");
  library.find(mosquitto.publish_callback_set, "mosquitto_publish_callback_set");
  library.find(mosquitto.message_callback_set, "mosquitto_message_callback_set");
  library.find(mosquitto.strerror, "mosquitto_strerror");
  library.find(mosquitto.connack_string, "mosquitto_connack_string");
  if (!library.complete() || mosquitto.lib_init() != MOSQ_ERR_SUCCESS)
    return failure(ErrorKind::not_found,
        "a broker is reached with libmosquitto, which is not there: 'sudo apt install libmosquitto1'");
  return mosquitto;
}

}  // namespace

Result<const Libmosquitto*> Libmosquitto::load() {
  static const auto library = load_library();
  if (!library) return tl::unexpected(library.error());
  return &*library;
}

}  // namespace drydock::integrations
