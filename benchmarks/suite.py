# SPDX-License-Identifier: Apache-2.0
"""What the plugin costs a test suite: unused (P3), with one claim (P5), with a thousand claims (P4)."""

import shutil
import sys
import tempfile
from pathlib import Path

from measure import paired, report

PLAIN = "def test_{i}():\n    assert {i} >= 0\n\n"
CLAIM = (
    '@scenario("the value is never wrong", rate("wrong") <= 0.5)\n'
    "def test_{i}(trial):\n"
    '    """Does it hold?"""\n'
    "    for _ in range(10):\n"
    "        trial.observe(wrong=False)\n\n"
)
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]


def write_suite(folder: Path, count: int) -> None:
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "test_plain.py").write_text("".join(PLAIN.format(i=i) for i in range(count)), encoding="utf-8")
    head = "from ophamin import rate, scenario\n\n\n"
    (folder / "test_claims.py").write_text(head + "".join(CLAIM.format(i=i) for i in range(count)), encoding="utf-8")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as name:
        one, many = Path(name) / "one", Path(name) / "many"
        for folder, count in ((one, 1), (many, 1000)):
            folder.mkdir()
            write_suite(folder, count)

        unused = {
            "-p no:ophamin": [*PYTEST, "-p", "no:ophamin", "test_plain.py"],
            "installed": [*PYTEST, "test_plain.py"],
        }
        report(
            "P3: installed and unused, 1 test",
            paired(unused, one, rounds=3 * rounds),
            "-p no:ophamin",
            "<= 1.02, <= 5 ms",
        )
        report("P3: installed and unused, 1,000 tests", paired(unused, many, rounds=rounds), "-p no:ophamin", "<= 1.02")

        started = {
            "plain": [*PYTEST, "-p", "no:ophamin", "test_plain.py"],
            "one claim": [*PYTEST, "--ophamin", "test_claims.py"],
        }
        report("P5: --ophamin with one claim", paired(started, one, rounds=rounds), "plain", "<= +150 ms CPU")

        artefacts = Path(name) / "artefacts"
        claims = {
            "plain": [*PYTEST, "-p", "no:ophamin", "test_plain.py"],
            "1,000 claims, a record each": [*PYTEST, "--ophamin", f"--ophamin-dir={artefacts}", "test_claims.py"],
            "json-report": [
                *PYTEST,
                "-p",
                "no:ophamin",
                "--json-report",
                f"--json-report-file={artefacts}.json",
                "test_plain.py",
            ],
            "allure": [*PYTEST, "-p", "no:ophamin", f"--alluredir={artefacts}-allure", "test_plain.py"],
        }

        def clean() -> None:
            shutil.rmtree(artefacts, ignore_errors=True)
            shutil.rmtree(f"{artefacts}-allure", ignore_errors=True)

        report(
            "P4: 1,000 claims, unsigned",
            paired(claims, many, rounds=rounds, before_each=clean),
            "plain",
            "<= 1.3, below allure",
        )


if __name__ == "__main__":
    main()
