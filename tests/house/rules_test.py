"""ARCHITECTURE.md's invariants, as searches: what must not be there."""
import re
import sys
import unittest
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent
sources = sorted((root / "src").rglob("*.[ch]pp"))

# A room may include itself, what stands behind it here, and nothing else.
rooms = {
    "base": [],
    "coap": ["base"],
    "crypto": ["base"],
    "transport": ["base", "coap", "crypto"],
    "firmware": ["base", "crypto"],
    "planning": ["base", "firmware"],
    "transfer": ["base", "coap", "crypto", "firmware"],
    "device": ["base", "coap", "crypto", "transport", "firmware", "planning", "transfer"],
    "store": ["base", "firmware", "planning"],
    "appliance": ["base", "coap", "crypto", "transport", "firmware", "planning", "transfer", "device", "store"],
    "web": ["base", "crypto", "firmware", "planning", "device", "store", "appliance", "version.hpp"],
    # Shares with the server the CoAP codec and an abstract stream, no protocol code.
    "virtual_device": ["base", "coap", "transport/byte_stream.hpp"],
    "cli": ["base", "coap", "crypto", "transport", "firmware", "planning", "transfer", "device", "store", "appliance", "web", "virtual_device"],
}


def room_of(path):
    parts = path.relative_to(root / "src").parts
    return parts[0] if len(parts) > 1 else None


def includes(path):
    return re.findall(r'^#include ["<]([^">]+)[">]', path.read_text(), re.M)


class Rules(unittest.TestCase):
    def check(self, forbidden, allowed_in, files=None):
        for path in files or sources:
            name = str(path.relative_to(root))
            if any(name.startswith(a) for a in allowed_in):
                continue
            for line_number, line in enumerate(path.read_text().splitlines(), 1):
                self.assertNotRegex(line, forbidden, f"{name}:{line_number}")

    def test_arrows_point_down_only(self):
        for path in sources:
            room = room_of(path)
            if room is None:
                continue
            self.assertIn(room, rooms, f"{path}: a new room needs a line here and in ARCHITECTURE.md")
            for included in includes(path):
                other = included.split("/")[0]
                if "/" not in included or other not in rooms or other == room:
                    continue
                allowed = other in rooms[room] or included in rooms[room]
                self.assertTrue(allowed, f"{path.relative_to(root)} includes {included}")

    def test_sql_is_spoken_in_the_store_only(self):
        self.check(r"sqlite3|SQLiteCpp", ["src/store/"])

    def test_wolfcrypt_is_seen_in_crypto_only_and_in_the_virtual_devices_own(self):
        self.check(r"#include <wolfssl", ["src/crypto/", "src/virtual_device/device_crypto.cpp", "src/virtual_device/device_dtls.cpp"])

    def test_codecs_and_planner_know_no_asio(self):
        pure = [p for p in sources if room_of(p) in ("coap", "planning", "firmware")]
        pure += [root / "src/transfer" / n for n in (
            "chunked_messages.cpp", "chunked_messages.hpp", "flight.cpp", "flight.hpp", "v3_messages.cpp", "v3_messages.hpp", "verdict.cpp", "verdict.hpp")]
        pure += [root / "src/device" / n for n in ("hello.cpp", "describe_json.cpp", "describe_protobuf.cpp", "messages.cpp")]
        pure += [root / "src/transport" / n for n in ("lightssl_frames.cpp", "lightssl_handshake.cpp")]
        pure += [p for p in sources if p.name.startswith("dtls_") and p.stem not in ("dtls_channel", "dtls_reception")]
        self.check(r"#include <asio", [], pure)

    def test_nothing_sleeps(self):
        self.check(r"sleep_for|sleep_until|usleep|nanosleep", [])
        self.check(r"sleep_for|sleep_until|usleep", [], sorted((root / "tests").rglob("*.[ch]pp")))

    def test_slow_headers_stay_in_few_files(self):
        self.check(r"#include <CLI/", ["src/cli/command_line.cpp"])
        self.check(r"#include <toml\+\+", ["src/appliance/configuration.cpp"])

    def test_files_stay_readable(self):
        for path in sources:
            self.assertLessEqual(len(path.read_text().splitlines()), 400, path.relative_to(root))

    def test_nothing_is_left_open_without_a_word(self):
        self.check(r"\b(TODO|FIXME|XXX)\b", [])


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
