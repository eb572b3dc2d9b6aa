// German: notifications and webhooks (integrations.js).
export const ofIntegrations = {
  "Notifications and webhooks": "Benachrichtigungen und Webhooks",
  "a rollout stops by itself": "ein Rollout von selbst anhält",
  "a device failed too often and needs attention": "ein Gerät zu oft gescheitert ist und jemanden braucht",
  "a device cannot be updated: a file is missing, say":
    "ein Gerät nicht aktualisiert werden kann: eine Datei fehlt etwa",
  "a device came with another key": "ein Gerät mit einem anderen Schlüssel kam",
  "a module was not sent, or does not run": "ein Modul nicht gesendet wurde oder nicht läuft",
  "a device has all it needs": "ein Gerät alles hat, was es braucht",
  "a new device waits for approval": "ein neues Gerät auf Freigabe wartet",
  "a device is in safe mode": "ein Gerät im Safe Mode ist",
  "a device is away for some minutes, and when it is back": "ein Gerät einige Minuten fort ist, und wenn es zurück ist",
  "devices come and go, also when they reset": "Geräte kommen und gehen, auch bei Neustarts",
  "ntfy: to your phone": "ntfy: auf Ihr Telefon",
  "E-mail": "E-Mail",
  "Webhook: to a program": "Webhook: an ein Programm",
  Webhook: "Webhook",
  "stays as it is": "bleibt, wie es ist",
  "Address of the topic": "Adresse des Themas",
  "Access token": "Zugangstoken",
  "To (several between commas)": "An (mehrere durch Kommas getrennt)",
  From: "Von",
  "Mail server, as smtp.example.org:587": "Mailserver, wie smtp.example.org:587",
  Encryption: "Verschlüsselung",
  "STARTTLS (port 587)": "STARTTLS (Port 587)",
  "TLS from the beginning (port 465)": "TLS von Anfang an (Port 465)",
  "none: without a password only": "keine: nur ohne Passwort",
  User: "Benutzer",
  Address: "Adresse",
  "Body, with {{PARTICLE_EVENT_NAME}} and such; empty: JSON":
    "Inhalt, mit {{PARTICLE_EVENT_NAME}} und dergleichen; leer: JSON",
  "Content type of the body": "Inhaltstyp",
  "Headers, one in a line, as Name: value": "Header, einer je Zeile, wie Name: Wert",
  "Secret that signs it (whsec_…); empty: one is made":
    "Geheimnis, das unterschreibt (whsec_…); leer: es wird eines gemacht",
  "Tell when": "Melden, wenn",
  "and of events whose names begin with (several between commas)":
    "und Ereignisse, deren Namen so beginnen (mehrere durch Kommas getrennt)",
  "at once, and then all of a quarter of an hour in one; what needs you at once":
    "sofort, und dann alles einer Viertelstunde in einem; was Sie braucht, sofort",
  "at once, and then all of an hour in one; what needs you at once":
    "sofort, und dann alles einer Stunde in einem; was Sie braucht, sofort",
  "at once, and then all of a day in one; what needs you at once":
    "sofort, und dann alles eines Tages in einem; was Sie braucht, sofort",
  "at once, and then all of {0} minutes in one; what needs you at once":
    "sofort, und dann alles von {0} Minuten in einem; was Sie braucht, sofort",
  "each at once": "jedes sofort",
  "Each event is sent by POST, signed as standardwebhooks.com describes. What fails is tried again, in order.":
    "Jedes Ereignis geht als POST hinaus, unterschrieben, wie standardwebhooks.com es beschreibt. Was scheitert, wird der Reihe nach wieder versucht.",
  "How often": "Wie oft",
  Add: "Hinzufügen",
  "is off": "ist aus",
  "the last try failed: {0}": "der letzte Versuch ist gescheitert: {0}",
  "last sent {0}": "zuletzt gesendet {0}",
  "nothing sent yet": "noch nichts gesendet",
  "message waits": "Meldung wartet",
  "messages wait": "Meldungen warten",
  "{0} left out, as too many waited": "{0} ausgelassen, weil zu viele warteten",
  "message was given up": "Meldung wurde aufgegeben",
  "messages were given up": "Meldungen wurden aufgegeben",
  "Forget them": "Vergessen",
  "Try again": "Noch einmal versuchen",
  "Send a test": "Test senden",
  "The test was sent to {0}.": "Der Test ging an {0}.",
  "Turn off": "Ausschalten",
  "Turn on": "Einschalten",
  "Remove {0}, with all that waits for it?": "{0} entfernen, mit allem, was darauf wartet?",
  "Nobody is told yet.": "Noch wird niemandem etwas gemeldet.",
  "Its secret, which is shown this once: ": "Sein Geheimnis, das nur dieses eine Mal gezeigt wird: ",
  'Added. "Send a test" tells whether it arrives.': "Hinzugefügt. „Test senden“ zeigt, ob es ankommt.",
  "Drydock tells others what happens here: your phone, by e-mail, or a program of yours. Networks of your own it reaches when /etc/drydock/drydock.toml allows it (integrations.private_networks).":
    "Drydock meldet anderen, was hier geschieht: Ihrem Telefon, per E-Mail oder einem Programm von Ihnen. Eigene Netze erreicht es, wenn /etc/drydock/drydock.toml es erlaubt (integrations.private_networks).",
  "Another one": "Ein weiterer Empfänger",
};

// Of access.js and system.js.
Object.assign(ofIntegrations, {
  "Bring firmware into the library, and make releases: for CI":
    "Firmware in die Bibliothek bringen und Releases anlegen: für CI",
  "Read /metrics: for Prometheus": "/metrics lesen: für Prometheus",
  "How long it is good": "Wie lange es gilt",
  "until it is removed": "bis es entfernt wird",
  "30 days": "30 Tage",
  "90 days": "90 Tage",
  "a year": "ein Jahr",
  "(good for {0} more days) ": "(gilt noch {0} Tage) ",
  "(its time is over) ": "(seine Zeit ist vorbei) ",
  "MQTT broker": "MQTT-Broker",
  "{0}, connected": "{0}, verbunden",
  "{0}, not connected: {1}": "{0}, nicht verbunden: {1}",
});

// What the server says of them.
export const sentencesOfIntegrations = {
  metrics: "Zahlen",
  release: "Releases",
  "the receiver answered {0} and points to {1}: if that is right, set it":
    "der Empfänger hat {0} geantwortet und weist auf {1=}: wenn das stimmt, tragen Sie es ein",
  "the receiver answered {0}: {1}": "der Empfänger hat {0} geantwortet: {1=}",
  "the receiver answered {0}": "der Empfänger hat {0} geantwortet",
  "the mail server refused {0}; the others have it": "der Mailserver hat {0=} abgelehnt; die anderen haben es",
  "the mail server refused {0}": "der Mailserver hat {0=} abgelehnt",
  "the mail server answered {0}": "der Mailserver hat geantwortet: {0=}",
  "it was not sent: {0} (it answered {1})": "es wurde nicht gesendet: {0=} (Antwort {1})",
  "it was not sent: {0}": "es wurde nicht gesendet: {0=}",
  broker: "Broker",
  "it took too long": "es hat zu lange gedauert",
  "It was not sent": "Es wurde nicht gesendet",
  "{0} is a private address: if it is meant, name its network in integrations.private_networks":
    "{0} ist eine private Adresse: wenn sie gemeint ist, nennen Sie ihr Netz in integrations.private_networks",
  "webhooks, e-mail and ntfy are sent with libcurl, which is not there: 'sudo apt install libcurl4' (Debian 12) or 'libcurl4t64' (Debian 13)":
    "Webhooks, E-Mail und ntfy werden mit libcurl gesendet, das nicht da ist: 'sudo apt install libcurl4' (Debian 12) oder 'libcurl4t64' (Debian 13)",
  "there is an integration of this name already": "es gibt schon einen Empfänger dieses Namens",
  "there are {0} integrations already": "es gibt schon {0} Empfänger",
  "there is no such integration": "es gibt diesen Empfänger nicht",
  "there is no such integration any more": "es gibt diesen Empfänger nicht mehr",
  "an integration stays of its kind: make another one, and remove this one":
    "ein Empfänger bleibt von seiner Art: legen Sie einen anderen an, und entfernen Sie diesen",
  "choose what it is told of": "wählen Sie, was gemeldet wird",
  "a name has 1 to 100 characters": "ein Name hat 1 bis 100 Zeichen",
  "names of events are written as they begin, without *, # and +":
    "Namen von Ereignissen werden geschrieben, wie sie beginnen, ohne *, # und +",
  "the body has a {{ without its }}": "im Inhalt fehlt zu einem {{ das }}",
  "a content type is written as application/json": "ein Inhaltstyp wird wie application/json geschrieben",
  "port 465 has TLS from the beginning: choose that, or port 587":
    "Port 465 hat TLS von Anfang an: wählen Sie das, oder Port 587",
  "port 587 begins without TLS: choose STARTTLS, or port 465":
    "Port 587 beginnt ohne TLS: wählen Sie STARTTLS, oder Port 465",
  "it took too long, and was broken off": "es hat zu lange gedauert und wurde abgebrochen",
  "no thread is to be had: {0}": "es ist kein Thread zu bekommen: {0=}",
  "it sends packets that are too large, what nobody asked for, or messages that it never releases":
    "er sendet zu große Pakete, wonach niemand gefragt hat, oder Meldungen, die er nie freigibt",
  "mqtt.ca is given, and mqtt.tls is not true: nothing would be encrypted":
    "mqtt.ca ist angegeben, und mqtt.tls ist nicht true: nichts würde verschlüsselt",
  "mqtt.ca: there is no file {0}": "mqtt.ca: es gibt keine Datei {0=}",
  "mqtt.ca: {0} is not read as the PEM file of a certificate: {1}":
    "mqtt.ca: {0=} ist nicht als PEM-Datei eines Zertifikats zu lesen: {1=}",
  "it does not answer": "er antwortet nicht",
  "give the value of the header {0}": "geben Sie den Wert des Headers {0=} an",
  "TLS failed: its certificate is not signed by {0}, or not of the name {1}, or there is no TLS at this port":
    "TLS ist gescheitert: sein Zertifikat ist nicht von {0=} unterschrieben, oder nicht auf den Namen {1=} ausgestellt, oder an diesem Port gibt es kein TLS",
  "a name of events has 1 to 64 characters": "ein Name von Ereignissen hat 1 bis 64 Zeichen",
  "the address": "die Adresse",
  "the secret": "das Geheimnis",
  "the content type": "der Inhaltstyp",
  "the token": "das Token",
  "the mail server": "der Mailserver",
  "the user": "der Benutzer",
  "the password": "das Passwort",
  "the encryption": "die Verschlüsselung",
  "the sender": "der Absender",
  "the list of headers": "die Liste der Header",
  "the list of receivers": "die Liste der Empfänger",
  "{0} has a blank in it: it is written as %20": "in {0} ist ein Leerzeichen: es wird als %20 geschrieben",
  "{0} must begin with https:// or http://": "{0} muss mit https:// oder http:// beginnen",
  "{0} is too long, or not one line": "{0} ist zu lang, oder mehr als eine Zeile",
  "{0} must be a list of texts, {1} at the most": "{0} darf höchstens {1} Einträge haben",
  "the body is too long": "der Inhalt ist zu lang",
  "{0} is needed": "{0} wird gebraucht",
  "a header is written as 'Name: value'": "ein Header wird als 'Name: Wert' geschrieben",
  "a secret is whsec_ and 24 to 64 bytes in Base64: leave it empty, and one is made":
    "ein Geheimnis ist whsec_ und 24 bis 64 Byte in Base64: lassen Sie es leer, dann wird eines gemacht",
  "this is another receiver: give the token, the password and the headers' values again":
    "das ist ein anderer Empfänger: geben Sie Token, Passwort und die Werte der Header noch einmal an",
  "this header is Drydock's own: {0}": "dieser Header gehört Drydock: {0=}",
  "the mail server is a name, or name:port, a port up to 65535":
    "der Mailserver ist ein Name, oder Name:Port, ein Port bis 65535",
  "the address is that of a topic: https://ntfy.sh/my-topic":
    "die Adresse ist die eines Themas: https://ntfy.sh/mein-thema",
  "Drydock has no event of this name, or that begins so up to a '/': {0}":
    "kein Ereignis von Drydock heißt so, oder beginnt so bis zu einem '/': {0=}",
  "the sender must be an e-mail address": "der Absender muss eine E-Mail-Adresse sein",
  "this is no e-mail address: {0}": "das ist keine E-Mail-Adresse: {0=}",
  "a password is sent over TLS only: choose starttls or tls":
    "ein Passwort wird nur über TLS gesendet: wählen Sie STARTTLS oder TLS",
};
