"""ARCHITECTURE.md's invariants, as searches: what must not be there."""
import re
import sys
import unittest
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent
sources = sorted((root / "src").rglob("*.[ch]pp"))

# A layer may include itself, what stands behind it here, and nothing else.
layers = {
    "base": [],
    "coap": ["base"],
    "crypto": ["base"],
    "transport": ["base", "coap", "crypto"],
    "transport/lightssl": ["base", "coap", "crypto", "transport"],
    "transport/dtls": ["base", "coap", "crypto", "transport"],
    "firmware": ["base", "crypto"],
    "planning": ["base", "firmware"],
    "transfer": ["base", "coap", "crypto", "firmware"],
    "device": ["base", "coap", "crypto", "transport", "transport/lightssl", "firmware", "planning", "transfer"],
    "store": ["base", "firmware", "planning"],
    "state": ["base", "crypto", "firmware", "store"],
    "server": [
        "base",
        "coap",
        "crypto",
        "transport",
        "transport/dtls",
        "firmware",
        "planning",
        "transfer",
        "device",
        "store",
        "state",
    ],
    "service": ["base", "crypto", "transport", "transport/dtls", "firmware", "device", "store", "state", "server"],
    "web": [
        "base",
        "crypto",
        "firmware",
        "planning",
        "device",
        "store",
        "state",
        "server",
        "service",
        "integrations",
        "version.hpp",
    ],
    "integrations": [
        "base",
        "crypto",
        "firmware",
        "planning",
        "state",
        "store",
        "server",
        "service",
        "transport/device_id.hpp",
        "version.hpp",
    ],
    # Shares with the server the CoAP codec and an abstract stream, no protocol code.
    "virtual_device": ["base", "coap", "transport/byte_stream.hpp"],
    "cli": [
        "base",
        "coap",
        "crypto",
        "transport",
        "firmware",
        "planning",
        "transfer",
        "device",
        "store",
        "state",
        "server",
        "service",
        "integrations",
        "web",
        "virtual_device",
    ],
}


def layer_of(name):
    """The layer of a file or an include below src; None for main.cpp and for headers of libraries."""
    folder = name.rpartition("/")[0]
    return folder if folder in layers else None


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
            name = str(path.relative_to(root / "src"))
            if "/" not in name:
                continue
            layer = layer_of(name)
            self.assertIsNotNone(layer, f"{name}: a new layer needs a line here and in ARCHITECTURE.md")
            for included in includes(path):
                other = layer_of(included)
                if other is None or other == layer:
                    continue
                self.assertTrue(other in layers[layer] or included in layers[layer], f"{name} includes {included}")

    def test_sql_is_spoken_in_the_store_only(self):
        self.check(r"sqlite3|SQLiteCpp", ["src/store/"])

    def test_wolfcrypt_is_seen_in_crypto_only_and_in_the_virtual_devices_own(self):
        self.check(
            r"#include <wolfssl",
            ["src/crypto/", "src/virtual_device/device_crypto.cpp", "src/virtual_device/device_dtls.cpp"],
        )

    def test_codecs_and_planner_know_no_asio(self):
        pure = [p for p in sources if layer_of(str(p.relative_to(root / "src"))) in ("coap", "planning", "firmware")]
        pure += [
            root / "src/transfer" / n
            for n in (
                "chunked_messages.cpp",
                "chunked_messages.hpp",
                "chunk_pacer.cpp",
                "chunk_pacer.hpp",
                "ota_v3_messages.cpp",
                "ota_v3_messages.hpp",
                "image_check.cpp",
                "image_check.hpp",
            )
        ]
        pure += [
            root / "src/device" / n for n in ("hello.cpp", "describe_json.cpp", "describe_protobuf.cpp", "messages.cpp")
        ]
        pure += [root / "src/transport/lightssl" / n for n in ("frames.cpp", "handshake.cpp")]
        with_sockets = ("channel", "acceptor", "demultiplexer", "session_store")
        pure += [p for p in (root / "src/transport/dtls").iterdir() if p.stem not in with_sockets]
        self.check(r"#include <asio", [], pure)

    def test_nothing_sleeps(self):
        self.check(r"sleep_for|sleep_until|usleep|nanosleep", [])
        self.check(r"sleep_for|sleep_until|usleep", [], sorted((root / "tests").rglob("*.[ch]pp")))

    def test_slow_headers_stay_in_few_files(self):
        self.check(r"#include <CLI/", ["src/cli/command_registry.hpp"])
        self.check(r"#include <toml\+\+", ["src/state/configuration.cpp"])

    def test_files_stay_readable(self):
        for path in sources:
            self.assertLessEqual(len(path.read_text().splitlines()), 430, path.relative_to(root))

    def test_nothing_is_left_open_without_a_word(self):
        self.check(r"\b(TODO|FIXME|XXX)\b", [])


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
