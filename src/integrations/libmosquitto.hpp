// libmosquitto, loaded where a broker is configured and not before.
#pragma once

#include "base/result.hpp"

#include <mosquitto.h>

namespace drydock::integrations {

struct Libmosquitto {
  decltype(&::mosquitto_lib_init) lib_init;
  decltype(&::mosquitto_new) create;
  decltype(&::mosquitto_destroy) destroy;
  decltype(&::mosquitto_will_set) will_set;
  decltype(&::mosquitto_username_pw_set) username_pw_set;
  decltype(&::mosquitto_tls_set) tls_set;
  decltype(&::mosquitto_connect_async) connect_async;
  decltype(&::mosquitto_connect) connect;
  decltype(&::mosquitto_disconnect) disconnect;
  decltype(&::mosquitto_socket) socket;
  decltype(&::mosquitto_loop_read) loop_read;
  decltype(&::mosquitto_loop_write) loop_write;
  decltype(&::mosquitto_loop_misc) loop_misc;
  decltype(&::mosquitto_want_write) want_write;
  decltype(&::mosquitto_publish) publish;
  decltype(&::mosquitto_subscribe) subscribe;
  decltype(&::mosquitto_unsubscribe) unsubscribe;
  decltype(&::mosquitto_connect_callback_set) connect_callback_set;
  decltype(&::mosquitto_publish_callback_set) publish_callback_set;
  decltype(&::mosquitto_message_callback_set) message_callback_set;
  decltype(&::mosquitto_strerror) strerror;
  decltype(&::mosquitto_connack_string) connack_string;

  /// ErrorKind::not_found: it is not installed.
  static Result<const Libmosquitto*> load();
};

}  // namespace drydock::integrations
