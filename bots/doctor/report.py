"""What the doctor has found, for people and for scripts."""

import json
import sys
from dataclasses import asdict

from bots.doctor.check import Check


def print_report(checks: list[Check], *, as_json: bool) -> None:
    """One line a check."""
    if as_json:
        passed = not any(check.failed for check in checks)
        report = {"ok": passed, "checks": [asdict(check) for check in checks]}
        sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
        return
    sys.stdout.writelines(f"{line}\n" for line in report_lines(checks))


def report_lines(checks: list[Check]) -> list[str]:
    """One line a check."""
    return [
        f"{check.state:6}  {check.name}: {check.detail}{f' -> {check.fix}' if check.fix else ''}"
        for check in checks
    ]
