"""What Hydra would say, as messages: an `Asked` and a `Finding` about it enter, a Diagnostic leaves.

Hydra's own words come in `said`; everything else is written here. The places are told by `asked`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hpc.compiler.checks.multirun import NO_SWEEP
from hpc.compiler.composition.asked import Asked, is_block, place_of
from hpc.compiler.composition.words import Written
from hpc.compiler.files import Files
from hpc.compiler.questions import Finding
from hpc.components.types import with_article
from hpc.diagnostics import Diagnostic, Place, Rule

UNKNOWN_KEY = Rule(
    "HPC601",
    "not a key of the Hydra configuration",
    "Hydra stops at start-up if an override names a key that the configuration lacks, or adds one that it has.",
    "Correct the key; a new one is added by `+key`.",
)
UNKNOWN_CHOICE = Rule(
    "HPC602",
    "not an option of the config group",
    "The options of a group are the files of its folder; Hydra stops at start-up if an override names another.",
    "Take one of the options.",
)
ACCIDENTAL_SWEEP = Rule(
    "HPC603",
    "a sweep by accident",
    "Hydra reads an unquoted comma as values for several runs, and refuses them without --multirun.",
    "Quote the value, or list it under `sweep`.",
)
ON_CPU = Rule(
    "HPC605",
    "a GPU that the program does not use",
    "The machine of the step has a GPU, but the configuration composes to `cpu`: it would be paid for and stay idle.",
    "Override the key, or choose a machine without a GPU.",
    severity="warning",
)
NOT_AN_OVERRIDE = Rule(
    "HPC607",
    "not an override",
    "Hydra stops at start-up if it cannot read a word of the command line.",
    "Write `key=value`; quote what Hydra reads in its own way.",
)
MISSING = Rule(
    "HPC613",
    "a mandatory value is missing",
    "`???` in a Hydra configuration is a value that must be given on the command line.",
    "Give it in `overrides`, or by an input. If the program itself fills it, say so: `overrides: {key: '???'}`.",
)
DOES_NOT_COMPOSE = Rule(
    "HPC615",
    "the Hydra configuration does not compose",
    "Hydra would stop at start-up, whatever the program does.",
    "Mend the configuration, or correct `config`.",
)
REFUSED_TYPE = Rule(
    "HPC616",
    "a value that the structured config refuses",
    "A structured config has types, and Hydra stops at start-up if a value is of another.",
    "Give a value of that type.",
)
OTHER_TYPE = Rule(
    "HPC617",
    "another type than the default's",
    "A configuration in YAML has no types, but a program that has 128 as its default hardly expects a text there.",
    "Change the type; if the program takes both, nothing needs to change.",
    severity="warning",
)
NOT_CHECKED = Rule(
    "HPC618",
    "not checked against the Hydra configuration",
    "What depends on the run, on the container or on a package that is not here cannot be composed while compiling.",
    "Nothing needs to change; the message says what would let hpc check it.",
    severity="note",
)
RULES = (
    UNKNOWN_KEY,
    UNKNOWN_CHOICE,
    ACCIDENTAL_SWEEP,
    ON_CPU,
    NOT_AN_OVERRIDE,
    MISSING,
    DOES_NOT_COMPOSE,
    REFUSED_TYPE,
    OTHER_TYPE,
    NOT_CHECKED,
)

_MOST_SAID = 300
_MOST_SHOWN = 60
_MOST_NAMED = 20
_MOST_CAUSES = 3


@dataclass(frozen=True)
class _Report:
    """A message without its place."""

    rule: Rule
    fact: str
    fix: str


def diagnostic(asked: Asked, finding: Finding) -> Diagnostic | None:
    """The message of one finding; None if nothing is to be said, or if `outside` says it."""
    write = _REPORTS.get(finding.kind)
    if write is None or is_outside(finding):
        return None
    report = write(asked, finding)
    return Diagnostic(report.rule, place_of(asked, finding), report.fact, report.fix) if report else None


# ---------------------------------------------------------------- keys and options


def _unknown_key(asked: Asked, finding: Finding) -> _Report:
    key, is_port = finding.key, _is_port(asked.of(finding))
    fact = f"`{key}` is not a key of {asked.file}, so Hydra would stop at start-up."
    if finding.said:
        return _Report(UNKNOWN_KEY, f"with `{_short(finding.said)}`, {fact}", _holding_everywhere(key))
    add = f"to add a new key write `{'as: ' if is_port else ''}{_with_plus(asked.of(finding), key)}`."
    meant = [name for name in finding.near if name.endswith(f".{key}")] or finding.near[:1]
    near = " or ".join(f"`{'as: ' if is_port else ''}{each}`" for each in meant)
    return _Report(UNKNOWN_KEY, fact, f"did you mean {near}? {_capital(add)}" if near else add)


def _holding_everywhere(key: str) -> str:
    return f"write `overrides: {{++{key}: …}}`, which holds where there is no such key, too."


def _with_plus(written: Written | None, key: str) -> str:
    """How the key is added; one inside a mapping together with the mapping, which Hydra merges into what is there."""
    block = str(written.value.path[-1]).lstrip("+~") if written is not None and is_block(written) else key
    return f"+{key}" if key == block else f"+{block}: {{…}}"


def _unknown_group(asked: Asked, finding: Finding) -> _Report:
    before = "as: " if _is_port(asked.of(finding)) else ""
    fact = f"`{finding.key}` is not a config group of Hydra, so it would stop at start-up."
    return _Report(UNKNOWN_CHOICE, fact, f"did you mean `{before}{finding.near[0]}`?")


def _exists(asked: Asked, finding: Finding) -> _Report:
    fact = f"`+{finding.key}` adds a key, but {asked.file} has it already, so Hydra would stop at start-up."
    return _Report(UNKNOWN_KEY, fact, f"write `{finding.key}`.")


def _not_there(asked: Asked, finding: Finding) -> _Report:
    key, value = finding.key, finding.said
    if finding.options and not (value and finding.options[0] != "null"):
        fact = f"`~{key}` deletes nothing, because `{key}` is {finding.options[0]} in {asked.file}: Hydra would stop."
        return _Report(UNKNOWN_KEY, fact, "remove it.")
    if value:
        there = f"but it is {_short(finding.options[0])}" if finding.options else "which is not chosen"
        what = "the value" if finding.options else "the option"
        fact = f"`~{key}={_short(value)}` deletes only {what} {_short(value)}, {there}: Hydra would stop at start-up."
        return _Report(UNKNOWN_KEY, fact, f"to delete it whatever it is write `{_deleting(asked.of(finding), key)}`.")
    fact = f"`~{key}` deletes what {asked.file} does not have, so Hydra would stop at start-up."
    return _Report(UNKNOWN_KEY, fact, f"did you mean `~{finding.near[0]}`?" if finding.near else "remove it.")


def _deleting(written: Written | None, key: str) -> str:
    return f"~{key}" if written is not None and written.origin == "text" else f"~{key}: null"


def _unknown_choice(asked: Asked, finding: Finding) -> _Report:
    where = "" if finding.key.startswith("hydra/") else f" in {asked.config.folder}"
    fact = f"`{finding.said}` is not an option of the config group `{finding.key}`{where}."
    options = _listed(finding.options)
    if finding.said == "null":
        return _Report(UNKNOWN_CHOICE, fact, f"to choose nothing write `~{finding.key}`; it has: {options}.")
    if finding.near:
        return _Report(UNKNOWN_CHOICE, fact, f"did you mean `{finding.near[0]}`? It has: {options}.")
    return _Report(UNKNOWN_CHOICE, fact, f"it has: {options}." if options else "correct the group or the option.")


def _no_default(asked: Asked, finding: Finding) -> _Report:
    key, before = finding.key, "as: " if _is_port(asked.of(finding)) else ""
    fact = f"the defaults list of {asked.file} chooses nothing from the config group `{key}`, so there is nothing to "
    fix = f"write `{before}+{key}`, which adds a choice."
    meant = f"did you mean `{before}{finding.near[0]}`? Else {fix}" if finding.near else fix
    return _Report(UNKNOWN_CHOICE, f"{fact}replace.", meant)


def _chosen_later(asked: Asked, finding: Finding) -> _Report:
    del asked
    if finding.key.startswith("--"):
        fact = f"which configuration `{finding.key}` names is known only in a run, so nothing is checked against it."
        return _Report(NOT_CHECKED, fact, "write a name that is known while compiling.")
    fact = f"`{finding.key}` is a config group, and which of its options comes is known only in a run."
    options = f"; it has: {_listed(finding.options)}" if finding.options else ""
    return _Report(NOT_CHECKED, fact, f"declare `choices` and each is checked{options}.")


# ---------------------------------------------------------------- values


def _sweep(asked: Asked, finding: Finding) -> _Report:
    written, key = asked.of(finding), finding.key or "it"
    if written is not None and written.origin == "sweep":
        fact = f"`{key}` belongs to Hydra itself, and --multirun does not sweep over that."
        return _Report(NO_SWEEP, fact, "put one value into `overrides`.")
    shown = f"`{_short(_text(written, finding))}`" if written else "this"
    fact = f"Hydra would take {shown} for a sweep of --multirun, so it would stop at start-up."
    if key.startswith(("hydra.", "hydra/")):
        return _Report(ACCIDENTAL_SWEEP, fact, "quote the value; Hydra does not sweep over what belongs to itself.")
    return _Report(ACCIDENTAL_SWEEP, fact, f"quote the value, or list `{key}` under `sweep`.")


def _syntax(asked: Asked, finding: Finding) -> _Report:
    written = asked.of(finding)
    shown = f"`{_short(_text(written, finding))}`" if written else "this"
    reason = (_where_it_stops(_text(written, finding), finding) if written else "") or _plainly(finding)
    return _Report(NOT_AN_OVERRIDE, f"Hydra cannot read {shown}: {reason}.", _fix_of_syntax(asked, finding))


def _where_it_stops(text: str, finding: Finding) -> str:
    """Why Hydra's parser stops, where it only says in the words of its grammar that it does."""
    if not re.match("no viable alternative|mismatched input|extraneous input", finding.said):
        return ""
    if "${" in text and text.count("{") > text.count("}"):
        return "an interpolation is not closed"
    if finding.at is not None and finding.at < len(text):
        return f"unexpected {text[finding.at]!r}"
    return "a bracket is not closed" if any(text.count(a) > text.count(b) for a, b in ("[]", "{}", "()")) else ""


def _fix_of_syntax(asked: Asked, finding: Finding) -> str:
    written = asked.of(finding)
    if _is_port(written) and asked.step.component.quoting == "typed":
        return "remove `quoting: typed`: with `quoting: exact` every text arrives as it stands."
    if written is not None and written.is_literal and "=" not in written.word.text and _follows_a_word(asked, finding):
        return "write `key=value`; if it belongs to the word before it, quote both: YAML splits at the comma."
    return "write `key=value`, and quote what Hydra reads in its own way: `key='a, b'`."


def _follows_a_word(asked: Asked, finding: Finding) -> bool:
    """Whether an override stands directly in front of the word, in the same list."""
    before = asked.written[(finding.word or 0) - 1] if finding.word else None
    path = asked.written[finding.word or 0].value.path
    return before is not None and before.value.path[:-1] == path[:-1] and "=" in before.word.text


_JARGON = (
    (r"missing EQUAL at '<EOF>'", "it has no `=`"),
    (r"no viable alternative at input '\$\{.*'", "an interpolation is not closed"),
    (r"token recognition error at: '(.*)'", r"`\1` must stand in quotes"),
    (r"maximum recursion depth exceeded.*", "it includes itself, or is nested too deeply"),
    (r"Error resolving interpolation '(.*?)'.*", r"a defaults list refers to `\1`, which is not there"),
    (r"(In '.*': )\w+ raised while composing config: (.*)", r"\1\2"),
    (r"extraneous input '(.*)'( expecting .*)?", r"`\1` is too much"),
    (r"(.*?),? expecting .*", r"\1"),
)
"""What the parsers of Hydra and OmegaConf say, and what it means."""


def _plainly(finding: Finding) -> str:
    """What Hydra says, without the names that its grammar has for things."""
    said = " ".join(finding.said.split()).rstrip(".")
    place, colon, rest = said.rpartition("`: ")
    for jargon, plain in _JARGON:
        if re.fullmatch(jargon, rest):
            return _short(f"{place}{colon}{re.sub(jargon, plain, rest)}", _MOST_SAID)
    return _short(said, _MOST_SAID)


def _usage(asked: Asked, finding: Finding) -> _Report:
    del asked
    fix = "correct `command` or `args`; options stand in front of the first override."
    return _Report(NOT_AN_OVERRIDE, f"Hydra would not start with these words: {_said(finding, _MOST_SHOWN)}.", fix)


def _refused(asked: Asked, finding: Finding) -> _Report:
    written = asked.of(finding)
    is_known = written is None or written.word.is_known
    if not is_known and "expected one of" in finding.said:
        fact = f"the structured config takes only certain values of `{finding.key}`, and which comes is known only in "
        return _Report(NOT_CHECKED, f"{fact}a run.", "declare `choices` and each is checked.")
    if written is not None and not is_known and written.kind:
        return _refused_later(written, finding)
    where = f" of component `{asked.step.component_name}`" if _is_port(written) else ""
    fact = f"the structured config of {asked.file} refuses this value of `{finding.key}`{where}: {_said(finding)}."
    return _Report(REFUSED_TYPE, fact, "give a value of the type that it has there.")


def _refused_later(written: Written, finding: Finding) -> _Report:
    """OmegaConf reads a number out of a text, so that a text may fit."""
    fact = f"`{finding.key}` has a type in the structured config, which takes no {written.kind}."
    if written.kind == "string":
        fact = f"{fact[:-1]} unless OmegaConf can read it as that type."
    return _Report(
        OTHER_TYPE if written.kind == "string" else REFUSED_TYPE, fact, "change the type of the one or the other."
    )


def _other_type(asked: Asked, finding: Finding) -> _Report:
    written = asked.of(finding)
    default = f" ({_short(finding.options[0])})" if finding.options else ""
    given = with_article(written.kind) if written is not None and written.kind else "a value of another type"
    fact = f"`{finding.key}` is {with_article(finding.said)}{default} in {asked.file}, but gets {given}."
    return _Report(OTHER_TYPE, fact, "change the type of one of them, unless the program takes both.")


def _missing(asked: Asked, finding: Finding) -> _Report:
    key, options = re.sub(r"\[(\d+)\]", r".\1", finding.key), _listed(finding.options)
    fact = f"{_of(asked, finding)}`{key}` must be given (`???` in the configuration) and nothing gives it."
    if _is_one_of_several(asked, finding):
        return _Report(MISSING, fact, _holding_everywhere(key))
    fix = f"write `overrides: {{{key}: …}}`, or give it by an input with `as: {key}`"
    return _Report(MISSING, fact, f"{fix}; it has: {options}." if options else f"{fix}.")


def _is_one_of_several(asked: Asked, finding: Finding) -> bool:
    """Whether the word can have another text, in this step or in another of the component."""
    written = asked.of(finding)
    if written is None:
        return False
    return bool(written.word.others or finding.element) or (asked.is_particular and written.origin == "input")


def _on_cpu(asked: Asked, finding: Finding) -> _Report | None:
    machine, written = asked.step.settings.accelerator, asked.of(finding)
    if machine is None or not machine.gpu:
        return None
    article = "an" if machine.gpu[0] in "AEFHILMNORSX" else "a"
    fact = f"step `{asked.step.written}` runs on {article} {machine.gpu}, but `{finding.key}` composes to `cpu`."
    wanted = "cuda" if finding.key.rpartition(".")[2] == "device" else "gpu"
    own = (
        f"write `{wanted}`"
        if written is not None and _is_value_of(written, finding.key)
        else f"write `{finding.key}: {wanted}` into `overrides`"
    )
    return _Report(ON_CPU, fact, f"{own}, or choose a machine without a GPU.")


def _is_value_of(written: Written, key: str) -> bool:
    """Whether the word gives the key its value, by itself or in a mapping; a choice gives many."""
    own = written.word.text.partition("=")[0].lstrip("+")
    return own == key or (is_block(written) and key.startswith(f"{own}."))


def _no_values(asked: Asked, finding: Finding) -> _Report:
    del asked
    fact = f"the sweep of `{finding.key}` has no values, so Hydra would start no run."
    options = _listed(finding.options)
    return _Report(NO_SWEEP, fact, f"correct it; it has: {options}." if options else "correct it.")


def _no_sweeper(asked: Asked, finding: Finding) -> _Report:
    del asked
    fact = f"the sweep of `{finding.key}` has no end, and Hydra's own sweeper goes through values one by one."
    return _Report(NO_SWEEP, fact, "list the values, or choose another sweeper: `overrides: {hydra/sweeper: …}`.")


# ---------------------------------------------------------------- the configuration as a whole


def _no_folder(asked: Asked, finding: Finding) -> _Report | None:
    del finding
    fact = f"there is no folder {asked.config.folder}, where the Hydra configuration is to lie."
    return _Report(DOES_NOT_COMPOSE, fact, "correct `dir`; it starts at this file.") if asked.is_declared else None


def _no_config(asked: Asked, finding: Finding) -> _Report | None:
    is_said = asked.of(finding) is not None
    fix = f"correct `{'--config-name' if is_said else 'name'}`."
    fix = f"did you mean `{finding.near[0]}`?" if finding.near else fix
    fact = f"there is no {asked.file}, and that is to be the primary config."
    return _Report(DOES_NOT_COMPOSE, fact, fix) if asked.is_declared or is_said else None


def _broken(asked: Asked, finding: Finding) -> _Report:
    """Nothing that a program registers can mend it."""
    return _Report(DOES_NOT_COMPOSE, f"{asked.file} does not compose: {_in_folder(asked, finding)}.", "mend it.")


def _not_found(asked: Asked, finding: Finding) -> _Report:
    """What a program may register, or a package that it imports, is not known unless the component says so."""
    fact = f"{asked.file} does not compose: {_plainly(finding)}."
    fix = "mend it; if the program registers a structured config of that name, list its file under `imports`."
    if asked.is_declared:
        return _Report(DOES_NOT_COMPOSE, fact, fix)
    return _Report(NOT_CHECKED, fact, f"mend it, or declare `config`{fix.removeprefix('mend it')}")


def _in_folder(asked: Asked, finding: Finding) -> str:
    """What Hydra says; a file of the configuration with its folder."""
    said = _plainly(finding)
    return f"{asked.config.folder}/{said}" if re.match(r"[\w./-]+\.ya?ml, ", said) else said


def _clash(asked: Asked, finding: Finding) -> _Report:
    written = asked.of(finding)
    if written is not None and _text(written, finding).startswith("++"):
        fact = f"`{finding.key}` is a config group, and nothing can be chosen from one with `++`."
        return _Report(DOES_NOT_COMPOSE, fact, f"write `{finding.key}`, or `+{finding.key}` to add a choice.")
    given = "" if written else f"with everything that step `{asked.step.written}` gives it, "
    fact = f"{given or _of(asked, finding)}{asked.file} does not compose: {_in_folder(asked, finding)}."
    return _Report(DOES_NOT_COMPOSE, fact, "mend the configuration, or change what is given.")


def _interpolation(asked: Asked, finding: Finding) -> _Report:
    written = asked.of(finding)
    if written is not None and finding.said in _text(written, finding):
        fact = f"`{finding.key}` refers to `{_said(finding)}`, which is not there in {asked.file}."
    else:
        fact = f"{_of(asked, finding)}`{finding.key}` in {asked.file} refers to `{_said(finding)}`, which is not there."
    fix = "correct the reference, or give the key that it names."
    return _Report(DOES_NOT_COMPOSE, fact, f"did you mean `${{{finding.near[0]}}}`?" if finding.near else fix)


def _not_installed(asked: Asked, finding: Finding) -> _Report:
    del asked
    fact = f"`{finding.said}` of `{finding.key}` is a plugin of Hydra that is not installed beside hpc, so it is not "
    return _Report(NOT_CHECKED, f"{fact}checked.", "make sure that the image has it; or install it here too.")


def _not_imported(asked: Asked, finding: Finding) -> _Report:
    del asked
    fact = f"{finding.key} cannot be run here, so the types that it registers are not checked: {_said(finding)}."
    fix = "move the structured configs to a file of their own."
    if finding.said.startswith(("ModuleNotFoundError", "ImportError")):
        return _Report(NOT_CHECKED, fact, f"install what it imports beside hpc, or {fix}")
    return _Report(NOT_CHECKED, fact, f"mend it, or {fix}")


def _outside_of_a_word(asked: Asked, finding: Finding) -> _Report:
    """What a word names and only the container has."""
    del asked
    key, said = finding.key, _said(finding, _MOST_SHOWN)
    if key == "--config-path":
        fact = f"`--config-path` names another folder (`{said}`), so nothing is checked against it."
        return _Report(NOT_CHECKED, fact, f"if it lies here, name it in `config: {{dir: …}}` instead of `{key}`.")
    if key in ("--config-dir", "hydra.searchpath"):
        fact = f"`{key}` adds a folder (`{said}`), and what may lie there is not checked."
        return _Report(NOT_CHECKED, fact, "nothing needs to change.")
    fact = f"`{key}` ({said}) depends on the container and is not checked."
    return _Report(NOT_CHECKED, fact, _OF_THE_CONTAINER)


_OF_THE_CONTAINER = "nothing needs to change; a variable that `env` sets counts as given."


def _no_answer(asked: Asked, finding: Finding) -> _Report:
    fact = f"Hydra cannot compose {asked.file} here, so its overrides are not checked: {_said(finding)}."
    return _Report(NOT_CHECKED, fact, "nothing needs to change if the program starts; else mend what it says.")


_REPORTS: dict[str, Callable[[Asked, Finding], _Report | None]] = {
    "no-folder": _no_folder,
    "no-config": _no_config,
    "broken": _broken,
    "not-found": _not_found,
    "outside": _outside_of_a_word,
    "no-values": _no_values,
    "unknown-group": _unknown_group,
    "usage": _usage,
    "syntax": _syntax,
    "sweep": _sweep,
    "unknown-key": _unknown_key,
    "exists": _exists,
    "not-there": _not_there,
    "no-default": _no_default,
    "unknown-choice": _unknown_choice,
    "type": _refused,
    "other-type": _other_type,
    "clash": _clash,
    "missing": _missing,
    "interpolation": _interpolation,
    "not-installed": _not_installed,
    "chosen-later": _chosen_later,
    "not-imported": _not_imported,
    "no-answer": _no_answer,
    "is-cpu": _on_cpu,
    "no-sweeper": _no_sweeper,
}


def is_outside(finding: Finding) -> bool:
    """Whether a finding is one of those that `outside` tells together."""
    return finding.kind in ("outside", "not-installed") and finding.word is None


def outside(asked: Asked, findings: Sequence[Finding]) -> Diagnostic:
    """One note for everything in a configuration that only the container has: variables, plugins, resolvers."""
    causes = list(dict.fromkeys(f"`{each.key}` ({each.said})" for each in findings))
    more = f" and {len(causes) - _MOST_CAUSES} more" if len(causes) > _MOST_CAUSES else ""
    shown = ", ".join(causes[:_MOST_CAUSES])
    fact = f"{shown}{more} in {asked.file} depend on the container and are not checked."
    if len(causes) == 1:
        fact = fact.replace(" depend on the container and are", " depends on the container and is")
    return Diagnostic(NOT_CHECKED, asked.place(), fact, _OF_THE_CONTAINER)


def absent_imports(asked: Asked, files: Files) -> Iterator[Diagnostic]:
    """Files of `imports` that are not there."""
    for index, path in enumerate(asked.config.imports):
        if not files.has(path):
            fact = f"there is no file {path}, which is to register structured configs."
            yield Diagnostic(
                DOES_NOT_COMPOSE, asked.place("imports", index), fact, "correct it; it starts at this file."
            )


def without_hydra(asked: Asked) -> Diagnostic:
    """The note for a pipeline whose configurations nobody can compose here."""
    fact = "overrides are not checked against `config`, because hydra-core is not installed beside hpc."
    fix = "install hpc with its extra `hydra`: pip install 'hydra-pipeline-compiler[hydra]'."
    return Diagnostic(NOT_CHECKED, Place(asked.place().path, on="key"), fact, fix)


# ---------------------------------------------------------------- words of messages


def _is_port(written: Written | None) -> bool:
    return written is not None and written.origin in ("input", "output")


def _text(written: Written, finding: Finding) -> str:
    others = written.word.others
    if finding.element:
        return finding.element
    return others[finding.other] if finding.other is not None and finding.other < len(others) else written.word.text


def _of(asked: Asked, finding: Finding) -> str:
    """How a message begins that is about one word, or about one step of several."""
    written = asked.of(finding)
    if written is not None:
        return f"with `{_short(_text(written, finding))}`, "
    return f"in step `{asked.step.written}`, " if asked.is_particular else ""


def _said(finding: Finding, most: int = _MOST_SAID) -> str:
    return _short(" ".join(finding.said.split()).rstrip("."), most)


def _short(text: str, most: int = _MOST_SHOWN) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _listed(options: Sequence[str]) -> str:
    more = f" and {len(options) - _MOST_NAMED} more" if len(options) > _MOST_NAMED else ""
    return f"{', '.join(options[:_MOST_NAMED])}{more}"
