"""`appliance doctor`: what of this machine and this installation is right, and what to do about the rest."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from appliance.config import load
from appliance.doctor.examine import examine
from appliance.doctor.finding import Verdict

_SIGN = {Verdict.OK: "ok", Verdict.WARNING: "WARN", Verdict.FAILED: "FAIL"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--json", action="store_true", help="print a list of {check, verdict, what, hint}")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, or 1 where a check failed."""
    findings = []
    for name, finding in examine(load(args.config).config):
        findings.append((name, finding))
        if not args.json:
            print(f"{_SIGN[finding.verdict]:<5} {name:<16} {finding.what}", flush=True)
            if finding.hint:
                print(f"{'':<22} -> {finding.hint}")
    if args.json:
        rows = [{"check": n, "verdict": f.verdict.value, "what": f.what, "hint": f.hint} for n, f in findings]
        print(json.dumps(rows, indent=2))
    return int(any(finding.verdict is Verdict.FAILED for _, finding in findings))
