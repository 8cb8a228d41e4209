"""Arguments in the `--flag value` style as ports and overrides of a component; the rest stays as it is written.

Elements of a command (texts, texts put together, parts under a condition) enter, `Arguments` leave.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hpc.components.foreign.elements import Element, IfPresent, Joined, Text
from hpc.components.hydra import constant, is_key
from hpc.conversion.notes import Notes, Where
from hpc.conversion.words import Mention, Unsayable, word
from hpc.spec.scalars import ScalarError, resolve

Style = Literal["hydra", "argparse"]

_FLAG = re.compile(r"--?[A-Za-z][\w.-]*")
_WITH_VALUE = re.compile(r"(--?[A-Za-z][\w.-]*)=(.*)", re.DOTALL)
_OVERRIDE = re.compile(r"([~+]{0,2}[A-Za-z_][\w./@:-]*)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Word:
    """One argument in words of the language. `whole` is the port that it is, if it is nothing else; `ports` are all
    inputs that it mentions.
    """

    text: str
    where: Where
    whole: Mention | None = None
    ports: tuple[str, ...] = ()
    is_fixed: bool = True


@dataclass
class Arguments:
    """`keys` are the Hydra keys or flags of ports by side and name, `uris` the ports that are passed as uri."""

    args: list[Any] = field(default_factory=list[Any])
    overrides: dict[str, Any] = field(default_factory=dict[str, Any])
    keys: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    uris: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def has_key(self, key: str) -> bool:
        return key in self.overrides or key in self.keys.values()


class Reader:
    """Reads arguments one after the other. `names` are the ports by side and name in the IR, `optional` the inputs
    that may have no value. Without a style every argument stays as it is.
    """

    def __init__(
        self, names: Mapping[tuple[str, str], str], optional: frozenset[str], style: Style | None, notes: Notes
    ) -> None:
        self.names, self.optional, self.style, self.notes = names, optional, style, notes
        self.found = Arguments()

    def read(self, elements: Sequence[Element]) -> None:
        waiting = list(elements)
        while waiting:
            element = waiting.pop(0)
            if isinstance(element, IfPresent):
                if element.port in self.optional:
                    self._condition(element)
                else:
                    waiting[:0] = element.then
                continue
            one = self.word(element)
            value = self._value(one, waiting)
            if value is not None:
                waiting.pop(0)
                self._pair(one.text, value, [one, value])
            else:
                self._single(one)

    def word(self, element: Text | Joined) -> Word:
        """An argument in words of the language; what it cannot say is reported."""
        if isinstance(element, Text):
            return self._text(element)
        parts = [part for part in element.parts if not isinstance(part, IfPresent)]
        words = [self.word(part) for part in parts]
        where = words[0].where if words else ()
        if len(parts) < len(element.parts):
            self.notes.lose(where, "puts a text together under a condition.")
        ports = tuple(port for one in words for port in one.ports)
        whole = words[0].whole if len(words) == 1 else None
        return Word("".join(one.text for one in words), where, whole, ports, all(one.is_fixed for one in words))

    def _text(self, element: Text) -> Word:
        found: list[Mention] = []

        def written(mention: Mention) -> str:
            found.append(mention)
            field = "" if mention.field == ".all" else mention.field
            return f"${{{{ {mention.side}.{self.names[mention.side, mention.name]}{field} }}}}"

        where = element.node.path
        try:
            text = word(element.text, written)
        except Unsayable as error:
            self.notes.lose(where, f"{error}.")
            return Word(element.text.replace("{{$", "{ {$"), where)
        is_whole = len(found) == 1 and text.startswith("${{") and text.count("}}") == 1 and text.endswith("}}")
        return Word(text, where, found[0] if is_whole else None, element.needs, text == element.text)

    # ------------------------------------------------------------ pairs

    def _value(self, one: Word, waiting: list[Element]) -> Word | None:
        """What follows a flag, if it is its value."""
        is_flag = one.is_fixed and _FLAG.fullmatch(one.text)
        if self.style is None or not is_flag or not waiting or isinstance(waiting[0], IfPresent):
            return None
        follower = self.word(waiting[0])
        looks_like_flag = follower.is_fixed and (_FLAG.fullmatch(follower.text) or _WITH_VALUE.fullmatch(follower.text))
        return None if looks_like_flag else follower

    def _single(self, one: Word) -> None:
        pattern = _WITH_VALUE.fullmatch(one.text) if self.style is not None else None
        if pattern is None and self.style == "hydra":
            pattern = _OVERRIDE.fullmatch(one.text)
        if pattern and self.style == "hydra":
            value = self._behind(one, pattern[2])
            self._pair(pattern[1], value, [one])
            return
        self._keep([one])
        if self.style == "hydra":
            kind = "is a flag without a value" if one.text.startswith("-") else "is an argument without a flag"
            fact = f"`{one.text}` {kind}; it stays in `args`, and Hydra programs take only `key=value`."
            self.notes.say(one.where, fact)

    def _keep(self, words: list[Word]) -> None:
        """Arguments as they are written; without the optional input that they mention they are left out."""
        texts = [one.text for one in words]
        if any(port in self.optional for one in words for port in one.ports):
            self.found.args.append(texts)
        else:
            self.found.args += texts

    def _behind(self, one: Word, text: str) -> Word:
        """What follows `=` in one argument."""
        mention = re.fullmatch(r"\$\{\{ (inputs|outputs)\.(\w+)((?:\.\w+)*) \}\}", text)
        whole = None
        if mention:
            ir = next(ir for (side, ir), name in self.names.items() if (side, name) == (mention[1], mention[2]))
            whole = Mention(mention[1], "", ir, mention[3])
        return Word(text, one.where, whole, one.ports, one.is_fixed)

    def _pair(self, flag: str, value: Word, written: list[Word]) -> None:
        key = self._key(flag)
        if self.found.has_key(key) or (self.style == "hydra" and not is_key(key)):
            self._keep(written)
            self.notes.say(value.where, f"`{flag}` stays in `args`: its key stands twice, or Hydra reads it otherwise.")
            return
        if self._is_port(key, value):
            return
        self.found.overrides[key] = self._constant(value)

    def _key(self, flag: str) -> str:
        if self.style == "hydra":
            return flag.lstrip("-").replace("-", "_") if flag.startswith("-") else flag
        return flag[2:] if re.match(r"--[A-Za-z]", flag) else flag

    def _is_port(self, key: str, value: Word) -> bool:
        """Makes the key that of a port, if the value is one that has none yet."""
        whole = value.whole
        if whole is None or whole.field not in ("", ".uri"):
            return False
        at = (whole.side, self.names[whole.side, whole.name])
        if at in self.found.keys:
            return False
        self.found.keys[at] = key
        if whole.field == ".uri":
            self.found.uris.add(at)
        return True

    def _constant(self, value: Word) -> Any:
        """A constant with its type for Hydra; a word for others."""
        if not value.is_fixed or self.style != "hydra":
            return value.text
        if "${" in value.text:
            self.notes.say(value.where, "holds `${`, which OmegaConf replaces; as a flag it was plain text.")
        try:
            typed = resolve(value.text)
        except ScalarError:
            return value.text
        return typed if isinstance(typed, bool | int | float) else value.text

    # ------------------------------------------------------------ conditions

    def _condition(self, condition: IfPresent) -> None:
        """A part that depends on whether an optional input has a value."""
        if any(isinstance(one, IfPresent) for one in (*condition.then, *condition.otherwise)):
            where = _place((*condition.then, *condition.otherwise))
            self.notes.lose(where, f"is a condition inside of the one on `{condition.port}`.")
            return
        then = [self.word(one) for one in condition.then if not isinstance(one, IfPresent)]
        otherwise = [self.word(one) for one in condition.otherwise if not isinstance(one, IfPresent)]
        if not self._as_port(condition.port, then, otherwise):
            self._as_groups(condition.port, then, otherwise)

    def _as_port(self, port: str, then: list[Word], otherwise: list[Word]) -> bool:
        """`--flag value` under a condition on the value: what hpc leaves out by itself."""
        pair = self._as_pair(then)
        if pair is None or self.style is None:
            return False
        flag, value = pair
        whole = value.whole
        if whole is None or whole.side != "inputs" or self.names["inputs", whole.name] != port:
            return False
        fallback = self._as_pair(otherwise) if otherwise else None
        if otherwise and (fallback is None or fallback[0] != flag or not fallback[1].is_fixed):
            return False
        key = self._key(flag)
        if self.found.has_key(key) or (self.style == "hydra" and not is_key(key)) or not self._is_port(key, value):
            return False
        if fallback is not None:
            self.found.args.append({"absent": port, "args": self._written_out(flag, fallback[1], otherwise)})
        return True

    def _as_pair(self, words: list[Word]) -> tuple[str, Word] | None:
        if len(words) == 2 and words[0].is_fixed and _FLAG.fullmatch(words[0].text):
            return words[0].text, words[1]
        match = _WITH_VALUE.fullmatch(words[0].text) if len(words) == 1 and self.style == "hydra" else None
        return (match[1], self._behind(words[0], match[2])) if match else None

    def _written_out(self, flag: str, value: Word, words: list[Word]) -> list[str]:
        if self.style != "hydra":
            return [one.text for one in words]
        return [f"{self._key(flag)}={constant(self._constant(value))}"]

    def _as_groups(self, port: str, then: list[Word], otherwise: list[Word]) -> None:
        where = (then or otherwise)[0].where if then or otherwise else ()
        if then and not any(port in one.ports for one in then):
            self.notes.lose(where, f"stands only if `{port}` has a value, but does not mention it.")
        elif then:
            self.found.args.append([one.text for one in then])
        if any(one.ports for one in otherwise):
            self.notes.lose(where, f"takes inputs where `{port}` has no value.")
        elif otherwise:
            self.found.args.append({"absent": port, "args": [one.text for one in otherwise]})
        if self.style == "hydra":
            self.notes.say(where, f"what depends on `{port}` stays in `args` as it is written.")


def _place(elements: Sequence[Element]) -> Where:
    for element in elements:
        if isinstance(element, Text):
            return element.node.path
        inner = element.parts if isinstance(element, Joined) else (*element.then, *element.otherwise)
        if inner:
            return _place(inner)
    return ()
