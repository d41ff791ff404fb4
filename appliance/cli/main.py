"""The `appliance` command: arguments in; one subcommand's module is loaded and run; its exit status out.

0: done. 1: it failed, with what happened, the error's code and what to do next on standard error. 2: wrong usage.
130: interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import os
import sys
from collections.abc import Sequence

from appliance.errors import AgentError

COMMANDS = {
    "serve": "run the box: engines, LiveKit server and the kiosk page",
    "talk": "answer a recorded question with a talking face, without any network",
    "say": "speak a text with a talking face",
    "token": "ask the running box for a visitor's address and token",
    "doctor": "check this machine and this installation",
    "size": "measure how many visitors this machine serves, and keep it for the box",
    "config": "show the settings in force and where each came from",
    "models": "list, fetch or verify the model files; add a face net of your own",
    "avatar": "make one from a photo; list, show, bring, hand out and remove avatars; train their net",
    "check": "start the box, hold one spoken conversation with it, print its figures, stop",
    "bench": "measure the box and its engines, beside stock baselines",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen = next((word for word in given if not word.startswith("-")), None)
    parser, subcommands = _parser(chosen)
    if chosen is not None and chosen not in COMMANDS:
        near = difflib.get_close_matches(chosen, COMMANDS, n=1, cutoff=0.5)
        parser.error(f"there is no command {chosen}" + (f": did you mean {near[0]}?" if near else ""))
    try:
        module = importlib.import_module(f"appliance.cli.{chosen}") if chosen in COMMANDS else None
        if module is not None:
            module.add_arguments(subcommands[str(chosen)])
        args = parser.parse_args(given)
        return int(module.run(args)) if module is not None else _usage(parser)
    except AgentError as error:
        _report(error, as_json="--json" in given)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser(chosen: str | None) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """All names with their help; only the chosen one gets its options, so that no other module is loaded."""
    parser = argparse.ArgumentParser(
        prog="appliance", description="A self-hosted avatar that hears, thinks, speaks and shows its face."
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    made = {
        name: subparsers.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", add_help=name == chosen
        )
        for name, text in COMMANDS.items()
    }
    return parser, made


def _usage(parser: argparse.ArgumentParser) -> int:
    parser.print_help(sys.stderr)
    return 2


def _report(error: AgentError, *, as_json: bool) -> None:
    """The error on standard error: for people, or the same three fields as JSON."""
    if as_json:
        print(json.dumps(error.as_dict()), file=sys.stderr)
        return
    print(f"{error.message} [{error.code}]", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
