"""The table of Device OS releases (src/firmware/device_os) is consistent in itself, and says of real module files what they say themselves."""
import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent
build = (root / sys.argv[1]).resolve() if len(sys.argv) > 1 else root / "build"
table = json.loads((root / "src/firmware/device_os/releases.json").read_text())


def release_number(row):
    return tuple(int(n) for n in row["release"].split("."))


def by_platform():
    platforms = {}
    for row in table["rows"]:
        platforms.setdefault(row["platform"], []).append(row)
    return platforms


class Facts(unittest.TestCase):
    def test_every_row_has_its_source_and_known_features(self):
        self.assertGreater(len(table["rows"]), 600)
        for row in table["rows"]:
            name = (row["platform_name"], row["release"])
            self.assertTrue(row.get("source"), name)
            if "features" in row:
                self.assertIn(row["features"], table["feature_sets"], name)
            if "describe_slots" in row:
                self.assertIn(row["describe_slots"], table["slot_sets"], name)

    def test_each_release_of_a_platform_stands_once(self):
        for rows in by_platform().values():
            releases = [release_number(row) for row in rows]
            self.assertEqual(len(releases), len(set(releases)), rows[0]["platform_name"])

    def test_system_versions_grow_with_the_release(self):
        for rows in by_platform().values():
            numbered = [row for row in rows if row["platform"] != 0 and row.get("system_version")]
            numbered.sort(key=release_number)
            versions = [row["system_version"] for row in numbered]
            self.assertEqual(versions, sorted(versions), rows[0]["platform_name"])

    def test_what_a_module_depends_on_is_in_its_release(self):
        for row in table["rows"]:
            have = {(m["function"], m["index"]): m["version"] for m in row["modules"]}
            for module in row["modules"]:
                for dependency in module.get("dependencies", []):
                    if dependency is None:
                        continue
                    function, index, version = dependency
                    there = have.get((function, index))
                    words = (row["platform_name"], row["release"], module["function"], module["index"], dependency)
                    if there is None:
                        continue  # the release does not bring it: it is on the device already
                    self.assertGreaterEqual(there, version, words)

    @unittest.skipUnless(os.environ.get("DRYDOCK_FIRMWARE_DIR"), "DRYDOCK_FIRMWARE_DIR names no real module files")
    def test_real_files_say_the_same(self):
        functions = {
            1: "resource",
            2: "bootloader",
            3: "monolithic",
            4: "system-part",
            5: "user-part",
            7: "ncp",
            8: "radio-stack",
        }
        rows = {(row["platform"], row["release"]): row for row in table["rows"]}
        compared = 0
        for path in sorted(Path(os.environ["DRYDOCK_FIRMWARE_DIR"]).glob("*.bin")):
            named = re.search(r"@(\d+\.\d+\.\d+)\.bin$", path.name) or re.match(r"(\d)(\d)(\d)_", path.name)
            if not named:
                continue
            release = named.group(1) if "@" in path.name else ".".join(named.groups())
            run = subprocess.run(
                [build / "src/drydock", "firmware", "inspect", path, "--json"], capture_output=True, text=True
            )
            said = json.loads(run.stdout)[0]
            row = rows.get((said.get("platform"), release))
            if row is None or "function" not in said:
                continue
            key = (functions.get(said["function"]), said["index"])
            for module in row["modules"]:
                if (module["function"], module["index"]) != key or module["version"] is None:
                    continue
                compared += 1
                self.assertEqual(module["version"], said["version"], path.name)
                if module.get("start"):
                    self.assertEqual(int(module["start"], 16), int(said["start_address"]), path.name)
        self.assertGreater(compared, 3)


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
