"""Whether the condition of a task holds, and the words for one that does not."""

from __future__ import annotations

import re

from hpc.engines.local.flow.failure import TaskError
from hpc.engines.local.flow.inputs import Inputs
from hpc.engines.local.plan.expressions import Expression, ExpressionError
from hpc.engines.values import shown

_INPUT = re.compile(r"""inputs\.parameter_values\[(?:'([^']*)'|"([^"]*)")\]""")


def fails(condition: Expression, inputs: Inputs) -> str | None:
    """None if it holds, else a sentence with the values that it saw. Raises TaskError where it cannot be told."""
    try:
        value = condition.evaluate({"inputs": {"parameter_values": inputs.parameters}})
    except ExpressionError as error:
        raise TaskError(f"the condition {_plain(condition)}: {error}") from None
    if not isinstance(value, bool):
        raise TaskError(f"the condition {_plain(condition)} is {shown(value)}, neither true nor false")
    return None if value else f"{_plain(condition)} was false{_seen(condition, inputs)}"


def _plain(condition: Expression) -> str:
    """The condition with its inputs by name."""
    return _INPUT.sub(lambda match: match[1] or match[2] or "", condition.text)


def _seen(condition: Expression, inputs: Inputs) -> str:
    names = dict.fromkeys(one or other for one, other in _INPUT.findall(condition.text))
    values = [f"{name} = {shown(inputs.parameters.get(name))}" for name in names]
    return f" ({', '.join(values)})" if values else ""
