"""What hpc put in front of a command when it compiled a file, taken away again: it will be put there anew.

The command and the environment of a container enter, those of the file leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpc.components.bootstrap import METRICS, SECRETS
from hpc.conversion.names import Names


@dataclass(frozen=True)
class Bare:
    """`command` without programs of hpc; `secrets` are the variables that one of them filled."""

    command: list[str]
    secrets: tuple[str, ...] = ()


def bare(command: Sequence[str]) -> Bare:
    """The command behind the programs of hpc that report metrics and fetch secrets."""
    rest, secrets = list(command), ()
    while len(rest) > 3 and rest[1] == "-c" and rest[2] in (METRICS, SECRETS) and "--" in rest:
        end = rest.index("--")
        secrets = tuple(rest[3:end]) if rest[2] == SECRETS else secrets
        rest = rest[end + 1 :]
    return Bare(rest, secrets)


def with_secrets(
    env: Mapping[str, Any], variables: Sequence[str], secrets: dict[str, dict[str, str]], target: str
) -> dict[str, Any]:
    """The environment in which variables that name a secret of `target` say so; `secrets` gets the names."""
    found = dict(env)
    for variable in variables:
        if variable in env:
            found[variable] = {"secret": secret_name(env[variable], variable, secrets, target)}
    return found


def secret_name(place: str, variable: str, secrets: dict[str, dict[str, str]], target: str) -> str:
    """The name in `secrets` of what lies at `place`."""
    for name, places in secrets.items():
        if places == {target: place}:
            return name
    name = Names(secrets).new(variable, "secret")
    secrets[name] = {target: place}
    return name
