"""How a container of KFP runs, in words of the language: machine, environment, retries, caching.

JSON of the IR (ResourceSpec, RetryPolicy, CachingOptions) enters, blocks of the language leave.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hpc.compiler.machines import shipped
from hpc.conversion.notes import Notes, Where
from hpc.conversion.words import literal_text

_UNITS = {"M": "MB", "G": "GB", "Mi": "MiB", "Gi": "GiB"}
_FACTORS = {"T": (1000, "GB"), "Ti": (1024, "GiB"), "P": (10**6, "GB"), "Pi": (1024**2, "GiB")}
_SIZE = re.compile(r"([0-9]+)([A-Za-z]*)")
_SECONDS = (("d", 86400), ("h", 3600), ("m", 60))
_KNOWN = {
    f"{prefix}{kind}{end}"
    for kind in ("cpu", "memory", "Cpu", "Memory")
    for end in ("Limit", "Request")
    for prefix in (("",) if kind.islower() else ("resource",))
}
ANY_GPU = "nvidia.com/gpu"
"""What Kubernetes calls a GPU of NVIDIA, whichever it is."""


def duration(seconds: float) -> str | None:
    """Seconds in the largest unit that says them exactly; None if no whole number does."""
    if seconds != int(seconds) or seconds < 1:
        return None
    whole = int(seconds)
    unit, size = next(((unit, size) for unit, size in _SECONDS if whole % size == 0), ("s", 1))
    return f"{whole // size}{unit}"


# ---------------------------------------------------------------- machines


def accelerator(resources: Mapping[str, Any], where: Where, notes: Notes) -> dict[str, Any]:
    """A machine profile; empty if the container asks for nothing."""
    found: dict[str, Any] = {}
    gpu = resources.get("accelerator")
    if gpu:
        found.update(_gpu(gpu, (*where, "accelerator"), notes))
    for kind, write in (("cpu", _cpu), ("memory", _memory)):
        for end in ("Limit", "Request"):
            value = _asked(resources, kind, end, where, notes)
            written = None if value is None else write(value)
            if value is not None and written is None:
                notes.lose((*where, f"{kind}{end}"), f"is `{value}`, which is no amount of the language.")
            if written is not None:
                block = found if end == "Limit" else found.setdefault("requests", {})
                block[kind] = written
    for key in sorted(resources.keys() - _KNOWN - {"accelerator"}):
        notes.lose((*where, key), "is no setting of a container that the language knows.")
    return _in_order(found)


def _in_order(found: dict[str, Any]) -> dict[str, Any]:
    return {key: found[key] for key in ("gpu", "count", "cpu", "memory", "requests") if key in found}


def _asked(resources: Mapping[str, Any], kind: str, end: str, where: Where, notes: Notes) -> str | None:
    """The amount as text: servers of today read the text, older ones the number (CPUs, 10^9 bytes)."""
    text, number = resources.get(f"resource{kind.title()}{end}"), resources.get(f"{kind}{end}")
    if text:
        if "{{" in text:
            notes.lose((*where, f"resource{kind.title()}{end}"), "is known only when the pipeline runs.")
            return None
        return str(text)
    if not number:
        return None
    return f"{number:g}" if kind == "cpu" else f"{round(number * 1000)}M" if number * 1000 >= 1 else str(number)


def _cpu(text: str) -> float | str | None:
    try:
        return text if re.fullmatch(r"[1-9][0-9]*m", text) else _whole(float(text))
    except ValueError:
        return None


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _memory(text: str) -> str | None:
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    number, unit = int(match[1]), match[2]
    if unit in _FACTORS:
        factor, unit_here = _FACTORS[unit]
        return f"{number * factor}{unit_here}"
    if unit == "" and number % 10**6 == 0:
        return f"{number // 10**6}MB"
    if unit == "M" and number % 1000 == 0:
        return f"{number // 1000}GB"
    return f"{number}{_UNITS[unit]}" if unit in _UNITS else None


def _gpu(gpu: Mapping[str, Any], where: Where, notes: Notes) -> Iterator[tuple[str, Any]]:
    kind = str(gpu.get("resourceType") or gpu.get("type") or "")
    count = str(gpu.get("resourceCount") or gpu.get("count") or "1")
    if "{{" in f"{kind}{count}" or not count.isdecimal() or not kind:
        notes.lose(where, "does not say which GPUs and how many before the pipeline runs.")
        return
    short = {full: name for name, full in reversed([*shipped().gpu_names.items()])}
    if kind == ANY_GPU:
        notes.say(where, f"asks for `{ANY_GPU}`, whichever; name the GPU (`gpu: T4`) to compile for Vertex AI.")
    elif kind not in short:
        notes.lose(where, f"asks for `{kind}`, which the language has no name for.")
        return
    yield "gpu", short.get(kind, kind)
    if int(count) != 1:
        yield "count", int(count)


def profile_name(profile: Mapping[str, Any]) -> str:
    """What a machine profile may be called: `t4`, `t4_x2`, `cpu_4`, `memory_8gb`."""
    if "gpu" in profile:
        count = f"_x{profile['count']}" if "count" in profile else ""
        return "gpu" + count if profile["gpu"] == ANY_GPU else f"{profile['gpu']}{count}".lower()
    limits = {**profile.get("requests", {}), **profile}
    return "_".join(f"{key}_{limits[key]}" for key in ("cpu", "memory") if key in limits) or "machine"


# ---------------------------------------------------------------- tasks


def retry(policy: Mapping[str, Any], where: Where, notes: Notes) -> Any:
    """`retry` of a step: the number alone where the rest is what hpc writes by itself; None for no retries."""
    count = int(policy.get("maxRetryCount", 0))
    if count == 0:
        return None
    block: dict[str, Any] = {"max": count}
    for key, name, usual in (("backoff", "backoffDuration", 0.0), ("max_backoff", "backoffMaxDuration", 3600.0)):
        seconds = _seconds(policy.get(name), usual)
        written = duration(seconds)
        if written is None and (seconds != usual or policy.get(name) not in (None, "", "0s")):
            notes.lose((*where, name), f"is `{policy[name]}`; durations are whole seconds.")
        elif seconds != usual:
            block[key] = written
    factor = float(policy.get("backoffFactor", 2.0))
    if factor != 2.0:
        block["factor"] = factor
    return count if len(block) == 1 else {key: block[key] for key in _RETRY if key in block}


_RETRY = ("max", "backoff", "factor", "max_backoff")


def _seconds(text: Any, usual: float) -> float:
    """Seconds of a duration of protobuf, `1.5s`; 0 for what is none."""
    if not text:
        return usual
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]+)?)s", str(text))
    return float(match[1]) if match else 0.0


def cache(options: Mapping[str, Any]) -> Any:
    """`cache` of a step: true, false or a key."""
    if not options.get("enableCache"):
        return False
    return {"key": options["cacheKey"]} if options.get("cacheKey") else True


def environment(variables: list[dict[str, Any]], where: Where, notes: Notes) -> dict[str, str]:
    """`env` of a component. Platforms do not replace placeholders here, so they cannot be meant."""
    found: dict[str, str] = {}
    for index, variable in enumerate(variables):
        value = str(variable.get("value", ""))
        if "{{$" in value:
            notes.lose((*where, index), "holds a placeholder, which no platform replaces in the environment.")
        else:
            found[variable["name"]] = literal_text(value)
    return found
