#!/usr/bin/env python3
"""The sources are as .clang-format says; ./dev format makes them so."""
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent
# Each version formats a little differently: this is Debian 12's.
version = 14


def formatter():
    for name in (f"clang-format-{version}", "clang-format"):
        program = shutil.which(name)
        if program:
            said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
            if re.search(rf"version {version}\.", said):
                return program
    return None


def sources():
    files = [*(root / "src").rglob("*.[ch]pp"), *(root / "tests").rglob("*.[ch]pp")]
    return sorted(f for f in files if "node_modules" not in f.parts)


class Format(unittest.TestCase):
    @unittest.skipUnless(formatter(), f"there is no clang-format {version} here")
    def test_formatting_changes_nothing(self):
        check = subprocess.run([formatter(), "--dry-run", "--Werror", *sources()], capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stderr[:3000])


if __name__ == "__main__":
    if sys.argv[1:] == ["--apply"]:
        program = formatter() or sys.exit(f"clang-format {version} is needed (Debian 12: apt install clang-format-14)")
        sys.exit(subprocess.run([program, "-i", *sources()]).returncode)
    sys.argv[1:] = []
    unittest.main()
