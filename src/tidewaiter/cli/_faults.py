"""Turns faults that the user can mend into one sentence on stderr and exit status 2."""

import sys
from pathlib import Path
from typing import Any

import click

from tidewaiter.policy import ConfigError, TrustPolicy, load_policy
from tidewaiter.policy_yaml import MAX_CHARACTERS, printable

_MAX_BYTES = 4 * MAX_CHARACTERS


class UsageFault(click.ClickException):
    """A fault the user can mend: sentences on stderr, exit status 2, no traceback."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the sentences as they are."""
        click.echo(self.message, err=True)


def open_policy(path: str) -> TrustPolicy:
    """Read a policy file (`-`: standard input). Raises `UsageFault` with one line for each fault."""
    try:
        if path == "-":
            content = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise UsageFault(f"{printable(path)}: larger than {_MAX_BYTES} bytes")
        return load_policy(content.decode("utf-8-sig"), path)
    except OSError as error:
        raise UsageFault(f"{printable(path)}: the policy cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageFault(f"{printable(path)}: the policy is not UTF-8 text (byte {error.start})") from error
    except ConfigError as error:
        raise UsageFault(str(error)) from error
