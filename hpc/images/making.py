"""Recipes become images: only those that changed, bases first. Recipes enter, what became of each leaves.

An image carries the digest of its recipe as a label. If the image that has the address, on this machine or in the
registry, carries that digest, there is nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from hpc.images.builders import Builder
from hpc.images.findings import NOT_ALLOWED, NOT_BUILDABLE, NOT_THERE, ImageTrouble
from hpc.images.recipe import LABEL, Recipe, digest
from hpc.images.registry import BRIEF, Registries

State = Literal["up to date", "built", "pushed"]


@dataclass(frozen=True)
class Event:
    """Something that happens to an image: it is looked at, built or pushed, or the builder says a line."""

    recipe: Recipe
    what: Literal["look", "build", "push", "line"]
    text: str = ""


@dataclass(frozen=True)
class Made:
    """What became of an image. `digest`: what the registry holds; empty if it was not pushed. Seconds in all."""

    recipe: Recipe
    state: State
    digest: str
    was_built: bool
    seconds: float


Listener = Callable[[Event], None]


@dataclass(frozen=True)
class Order:
    """What is wanted: that the images come to be in their registries too; that all are built again."""

    push: bool = False
    anew: bool = False


class Maker:
    """Makes images one after the other; `made` raises ImageTrouble for the one that it cannot make."""

    def __init__(self, builder: Builder, registries: Registries, order: Order, listener: Listener) -> None:
        self._builder = builder
        self._registries = registries
        self._order = order
        self._listener = listener
        self._identities: dict[str, _Base] = {}

    def made(self, recipe: Recipe) -> Made:
        began = time.monotonic()
        recipe.check()
        self._tell(recipe, "look")
        wanted = digest(recipe, lambda base: self._base(base).identity)
        if not self._order.anew and (there := self._there(recipe, wanted)) is not None:
            self._identities[recipe.address] = _Base(wanted, is_remote=bool(there))
            return Made(recipe, "up to date", there, False, time.monotonic() - began)
        held = None if self._order.anew or self._builder.pushes_itself else self._builder.held(recipe.address)
        is_built = held is None or held.labels.get(LABEL) != wanted
        pushed = self._build(recipe, wanted) if is_built else ""
        if self._order.push and not pushed:
            self._tell(recipe, "push")
            pushed = self._builder.push(recipe.address, self._lines(recipe))
        self._identities[recipe.address] = _Base(wanted, is_remote=False)
        return Made(recipe, "pushed" if pushed else "built", pushed, is_built, time.monotonic() - began)

    def _there(self, recipe: Recipe, wanted: str) -> str | None:
        """The digest in the registry of an image that needs nothing, empty if it is only here; None if it does."""
        if not self._order.push:
            held = self._builder.held(recipe.address)
            return "" if held is not None and held.labels.get(LABEL) == wanted else None
        try:
            found, labels = self._registries.labels(recipe.address, recipe.platform)
        except ImageTrouble as trouble:
            if trouble.rule in (NOT_THERE, NOT_ALLOWED):  # who may write may not read; pushing tells
                return None
            raise
        return found if labels.get(LABEL) == wanted else None

    def _build(self, recipe: Recipe, wanted: str) -> str:
        self._tell(recipe, "build", self._builder.name)
        fresh = [base for base in recipe.bases if self._base(base).is_remote]
        return self._builder.build(recipe, wanted, fresh, self._lines(recipe), anew=self._order.anew)

    def _base(self, address: str) -> _Base:
        """What a base image holds: what its registry says; where that is silent, what is on this machine."""
        if "@" in address:
            return _Base(address.partition("@")[2], is_remote=False)
        if address not in self._identities:
            self._identities[address] = self._looked_up(address)
        return self._identities[address]

    def _looked_up(self, address: str) -> _Base:
        held = self._builder.held(address)
        if held is not None and held.is_own:
            return _Base(held.id, is_remote=False)
        try:
            return _Base(self._registries.digest(address, BRIEF), is_remote=True)
        except ImageTrouble:
            return _Base(held.id if held else "", is_remote=False)

    def _tell(self, recipe: Recipe, what: Literal["look", "build", "push", "line"], text: str = "") -> None:
        self._listener(Event(recipe, what, text))

    def _lines(self, recipe: Recipe) -> Callable[[str], None]:
        return lambda line: self._tell(recipe, "line", recipe.masked(line))


@dataclass(frozen=True)
class _Base:
    """`identity` changes when the base does. `is_remote`: the registry says so, and this machine may have another."""

    identity: str
    is_remote: bool


def in_order(recipes: Sequence[Recipe]) -> list[Recipe]:
    """The recipes, each after those that it starts from. Raises ImageTrouble if they go round in a circle."""
    by_address = {recipe.address: recipe for recipe in recipes}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for recipe in recipes:
        sorter.add(recipe.address, *(base for base in recipe.bases if base in by_address))
    try:
        return [by_address[address] for address in sorter.static_order()]
    except CycleError as error:
        circle = " -> ".join(f"`{address}`" for address in error.args[1])
        raise ImageTrouble(NOT_BUILDABLE, f"images start from each other: {circle}.", "break the circle.") from None


def with_bases(addresses: Iterable[str], recipes: Sequence[Recipe]) -> set[str]:
    """The addresses, and those of all recipes that they start from."""
    by_address = {recipe.address: recipe for recipe in recipes}
    found: set[str] = set()
    left = list(addresses)
    while left:
        address = left.pop()
        if address in by_address and address not in found:
            found.add(address)
            left += by_address[address].bases
    return found
