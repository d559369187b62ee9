"""A command that only chooses among commands."""

import argparse
from collections.abc import Callable, Mapping, Sequence

# name -> what runs it with the arguments that follow, and its help
Commands = Mapping[str, tuple[Callable[[Sequence[str]], int], str]]


def run_group(parser: argparse.ArgumentParser, commands: Commands, argv: Sequence[str]) -> int:
    """Run the command that ``argv`` begins with; else ``parser`` lists them. Gives the exit code."""
    if argv and argv[0] in commands:
        return commands[argv[0]][0](argv[1:])
    listed = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    for name, (_, text) in commands.items():
        listed.add_parser(name, help=text)
    parser.parse_args(argv)
    return 0
