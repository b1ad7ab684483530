"""Every trial of what must not break, in full: kills, mutations, odd calls, escapes, a soak.

Out: a line a finding, and with ``--json FILE`` the counts, the findings and the time of each kind,
with the machine and the commit. Status 1 if anything was found. The tests run a tenth of each.
Takes some hours; ``--kind`` chooses.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from simulator import about_this_machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from robustness import TRIALS, in_its_own_process


def main() -> None:
    """Tries, prints, and writes the file that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", action="append", choices=TRIALS, help="default: all")
    parser.add_argument("--share", type=float, default=1.0, help="of each kind's count")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the record there")
    options = parser.parse_args()
    kinds: dict[str, Any] = {}
    record = about_this_machine() | {"seed": options.seed, "kinds": kinds}
    for kind in options.kind or TRIALS:
        count = max(1, round(TRIALS[kind] * options.share))
        begun = time.monotonic()
        findings = in_its_own_process(kind, count, options.seed)
        seconds = time.monotonic() - begun
        kinds[kind] = {"tried": count, "seconds": seconds, "findings": findings}
        print(f"{kind}: {count} tried in {seconds:.0f} s, {len(findings)} found")
        print("".join(f"  {finding}\n" for finding in findings), end="", flush=True)
        if options.json:
            options.json.write_text(json.dumps(record, indent=2) + "\n")
    sys.exit(any(tried["findings"] for tried in kinds.values()))


if __name__ == "__main__":
    main()
