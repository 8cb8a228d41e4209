"""All rules of hpc by code: what `hpc explain` and docs/errors.md say. A rule stands beside the code that raises it."""

from __future__ import annotations

from hpc.cli import arguments, convert, disk, history, init
from hpc.compiler.checks import CHECKS
from hpc.compiler.composition.findings import RULES as COMPOSITION_RULES
from hpc.compiler.link import RULES as LINK_RULES
from hpc.compiler.locks import RULES as LOCK_RULES
from hpc.compiler.machine_file import RULES as MACHINE_RULES
from hpc.compiler.render import RULES as RENDER_RULES
from hpc.compiler.sweeps import RULES as SWEEP_RULES
from hpc.diagnostics import Rule
from hpc.engines.findings import RULES as ENGINE_RULES
from hpc.engines.local.plan.rules import RULES as LOCAL_ENGINE_RULES
from hpc.engines.service import RULES as SERVICE_RULES
from hpc.images.findings import RULES as IMAGE_RULES
from hpc.spec import document, edges, expand, load, merge, unused, yaml_errors


def catalogue() -> dict[str, Rule]:
    """Rules by code, in the order of codes."""
    reading = (document, yaml_errors, merge, expand, load, unused, edges)
    modules = (*reading, *CHECKS, disk, convert, init, arguments, history)
    rules = [rule for module in modules for rule in module.RULES]
    rules += [*LINK_RULES, *COMPOSITION_RULES, *RENDER_RULES, *SWEEP_RULES, *ENGINE_RULES, *LOCAL_ENGINE_RULES]
    rules += [*SERVICE_RULES, *MACHINE_RULES, *LOCK_RULES, *IMAGE_RULES]
    return {rule.code: rule for rule in sorted(rules, key=_code)}


def _code(rule: Rule) -> str:
    return rule.code
