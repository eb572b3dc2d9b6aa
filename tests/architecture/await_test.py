"""No expression that awaits contains what g++ 12 miscompiles: tools/await.query over every file with coroutines."""
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent
build = Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
query = next(
    (
        found
        for name in ("clang-query", *(f"clang-query-{v}" for v in range(25, 13, -1)))
        if (found := shutil.which(name))
    ),
    None,
)


class Await(unittest.TestCase):
    def test_awaiting_expressions_hold_names_calls_and_simple_values_only(self):
        self.assertIsNotNone(query, "clang-query is not installed (Debian: clang-tools)")
        files = [p for p in sorted((root / "src").rglob("*.cpp")) if "co_await" in p.read_text()]
        self.assertGreater(len(files), 5)
        for path in files:
            command = [
                query,
                "-p",
                build,
                "--extra-arg=-DASIO_HAS_CO_AWAIT",
                "--extra-arg=-DASIO_HAS_STD_COROUTINE",
                "--extra-arg=-Wno-everything",
                "-f",
                root / "tools/await.query",
                path,
            ]
            output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
            counts = re.findall(r"^(\d+) match", output, re.M)
            self.assertEqual(counts, ["0"] * 5, f"{path.relative_to(root)}:\n{output[-3000:]}")


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
