r"""Programs of a search on Vertex AI: TRIAL in front of the command of each trial, and BEST, which reads the best one.

A command and what is searched enter, longer commands leave. As in `bootstrap.py`, each program is constant text behind
`python3 -c`; TRIAL stands outermost:

    python3 -c TRIAL metric path name type flag... -- command... args... --hpc-values --lr=0.1 --net=vit

`--lr=0.1` and so on are what the service appends: `--<parameter id>=<value>`, where the id is the name of the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hpc.components import placeholders
from hpc.components.bootstrap import RUN_CHILD, interpreter
from hpc.components.ports import OutputPort

VALUES = "--hpc-values"
"""The last argument that is compiled; behind it stands what the tuning service appends."""

_FOLDER = "/hpc.trial/"
_URI = "gs://hpc.trial/"
"""Stand for the folder of a trial's outputs until the trial knows it. No bucket is called so: `.trial` is no domain."""

# The text of both programs is part of the cache key, as those of `bootstrap.py`: count the version in the first line up
# with each change. They hold neither doubled braces nor a dollar sign, and run on Python 3.6 and later.

TRIAL = (
    r"""# hpc trial 1: run the program with the values and the folder of its trial, then report its metric
import os, sys
sys.path = [p for p in sys.path if p]
import json, signal, time
FOLDER, URI, GCS, LOCAL = "/hpc.trial/", "gs://hpc.trial/", "/gcs/", "/tmp/hpc-trial"
def warn(text):
    sys.stderr.write("hpc: " + " ".join(text.split()) + "\n")
    sys.stderr.flush()
"""
    + RUN_CHILD
    + r"""def typed(kind, text):  # the service writes 64 as 64.0, and may write 1.0 as 1
    try:
        if kind == "int" and set(text) & set(".eE") and float(text).is_integer(): return str(int(float(text)))
        if kind == "float": return repr(float(text))
    except ValueError: pass
    return text
def flags(words, kinds):
    words = iter(words)
    for w in words:
        name, eq, value = w.partition("=")
        if name[:2] != "--" or name[2:] not in kinds:
            yield w
            continue
        kind, flag = kinds[name[2:]]
        yield flag + "=" + typed(kind, value if eq else next(words, ""))
def folder():  # of the outputs of this trial, as a path and as a uri
    model = os.environ.get("AIP_MODEL_DIR", "")  # gs://bucket/folder of the search/trial/model/
    if model[:5] != "gs://" or not os.path.isdir(GCS): return LOCAL, LOCAL
    uri = model.rstrip("/").rpartition("/")[0] + "/outputs"
    return GCS + uri[5:], uri
def reported(file, metric):
    try:
        with open(file, "rb") as f: lines = f.read().decode("utf-8", "replace").splitlines()
    except OSError: return False
    for line in lines:
        try:
            if metric in json.loads(line): return True
        except (ValueError, TypeError, RecursionError): pass
    return False
def report(metric, path):  # the file of cloudml-hypertune
    file = os.environ.get("CLOUD_ML_HP_METRIC_FILE") or "/tmp/hypertune/output.metrics"
    if reported(file, metric): return 0
    if not path: return warn("the program has not reported the metric %s to cloudml-hypertune" % metric) or 0
    try:
        with open(path, "rb") as f: value = float(f.read(1000).decode())
    except OSError: return warn("the program has written no output %s, which is the metric" % metric)
    except ValueError: return warn("the output %s is not a number, but it is the metric" % metric)
    if not abs(value) < 1e308: return warn("the output %s is not finite, but it is the metric" % metric)
    trial = os.environ.get("CLOUD_ML_TRIAL_ID", "0")
    record = {"timestamp": time.time(), "trial": trial, metric: repr(value), "global_step": "0"}
    os.makedirs(os.path.dirname(file) or ".", exist_ok=True)
    with open(file, "a") as f: f.write(json.dumps(record, sort_keys=True) + "\n")
    return 0
n = sys.argv.index("--")
(metric, output), kinds, argv = sys.argv[1:3], sys.argv[3:n], sys.argv[n + 1:]
kinds = dict(zip(kinds[::3], zip(kinds[1::3], kinds[2::3])))
last = len(argv) - 1 - argv[::-1].index("--hpc-values") if "--hpc-values" in argv else len(argv)
path, uri = folder()
try: os.makedirs(path, exist_ok=True)
except OSError as e:
    warn("cannot make the folder of the trial's outputs: %s" % e)
    sys.exit(1)
def placed(text):
    return text.replace(URI, uri + "/").replace(FOLDER, path + "/")
code = run([placed(w) for w in argv[:last]] + list(flags(argv[last + 1:], kinds)))
try: chief = json.loads(os.environ["CLUSTER_SPEC"])["task"]["type"]
except (ValueError, KeyError, TypeError): chief = "chief"
if code == 0 and chief in ("workerpool0", "chief", "master"):
    try: code = 0 if report(metric, placed(output)) == 0 else 1
    except OSError as e:
        warn("cannot report the metric %s: %s" % (metric, e))
        code = 1
sys.exit(code)
"""
)
"""`python3 -c TRIAL metric path name type flag... -- command... args... --hpc-values --name=value...`, in a trial.

- Values: what stands behind the last `--hpc-values` as `--name=value` or `--name value` becomes `flag=value`, ints
  without the fraction that the service gives them (`64.0`), floats with one; any other text is passed on.
- Outputs: trials run at the same time, so each has a folder of its own, `outputs` beside AIP_MODEL_DIR, which Vertex
  AI sets to `<base output directory>/<trial>/model/`; `/tmp/hpc-trial` where there is none. It is made, and takes the
  place of `/hpc.trial/` (as a path) and `gs://hpc.trial/` (as a uri) in the command's words.
- Metric: after a success, unless the program has reported the metric itself in the file of cloudml-hypertune, the
  number at `path` is reported there; if there is none, it ends with exit code 1 and one line. Without a `path` it only
  says that nothing was reported: Vertex AI takes such a trial for infeasible.

The command runs as a child, as behind METRICS of `bootstrap.py`; only the first machine of several reports.

https://docs.cloud.google.com/vertex-ai/docs/training/using-hyperparameter-tuning
"""

BEST = r"""# hpc best 1: write the values and the metric of the best trial of a hyperparameter tuning job
import os, sys
sys.path = [p for p in sys.path if p]
import http.client, json, re, time, urllib.error, urllib.request
META = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
JOB = r"https://[a-z0-9-]+\.googleapis\.com/v1/(projects/[^/?#]+/locations/[^/?#]+/hyperparameterTuningJobs/[0-9]+)\Z"
def fail(text):
    sys.stderr.write("hpc: " + " ".join(text.split()) + "\n")
    sys.exit(1)
def reason(e):
    try: return "HTTP %d: %s" % (e.code, json.loads(e.read().decode())["error"]["message"])
    except Exception: return "HTTP %d %s" % (e.code, e.reason)
def get(opener, url, header, value, what):
    for wait in (1, 2, 4, 8, None):
        again = True
        try:
            with opener.open(urllib.request.Request(url, headers={header: value}), timeout=60) as f:
                return json.loads(f.read().decode())
        except urllib.error.HTTPError as e: why, again = reason(e), e.code == 429 or e.code >= 500
        except (OSError, http.client.HTTPException) as e: why = str(getattr(e, "reason", e)) or type(e).__name__
        except ValueError: why, again = "the answer is not JSON", False
        if wait is None or not again: fail(what + why)
        time.sleep(wait)
def job_of(resources):
    try: urls = [one["resourceUri"] for one in json.loads(resources)["resources"]]
    except (ValueError, KeyError, TypeError): urls = []
    found = re.match(JOB, urls[0]) if len(urls) == 1 and isinstance(urls[0], str) else None
    return found or fail("what the search has left names no tuning job: %s" % resources[:300])
def number(x):
    try: x = float(x)
    except (ValueError, TypeError, OverflowError): return None
    return x if abs(x) < 1e308 else None
def measured(trial):
    listed = trial.get("finalMeasurement", {}).get("metrics", [])
    # a zero may be left out
    found = [number(one.get("value", 0)) for one in listed if one.get("metricId") == metric]
    return found[-1] if found else None
def text(kind, value):
    if kind == "string": return value if isinstance(value, str) else None
    if kind == "bool": return value.lower() if str(value).lower() in ("true", "false") else None
    x = number(value)
    if x is None or kind == "float": return x if x is None else repr(x)
    return str(int(x)) if x == int(x) else None
resources, metric, goal, file = sys.argv[1:5]
searched = list(zip(sys.argv[5::3], sys.argv[6::3], sys.argv[7::3]))
job = job_of(resources)
what = "cannot read the tuning job %s: " % job.group(1)
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy knows this machine's metadata
try: token = get(direct, META, "Metadata-Flavor", "Google", what + "no access token: ")["access_token"]
except (KeyError, TypeError): fail(what + "no access token")
answer = get(urllib.request.build_opener(), job.group(0), "Authorization", "Bearer %s" % token, what)
try:
    trials = answer.get("trials", [])
    ended = [trial for trial in trials if trial.get("state") == "SUCCEEDED"]
    rated = [(measured(trial), trial) for trial in ended]
except (AttributeError, TypeError): fail(what + "the answer is not a tuning job")
rated = [pair for pair in rated if pair[0] is not None]
if not rated:
    fail("no trial of %s is the best: of %d trials %d succeeded, and none of these has the metric %s"
         % (job.group(1), len(trials), len(ended), metric))
sign = -1 if goal == "maximize" else 1
value, best = min(rated, key=lambda pair: sign * pair[0])  # of equal ones the first
given = dict((one.get("parameterId"), one.get("value")) for one in best.get("parameters", []))
found = [(path, text(kind, given.get(name)), name, kind) for name, kind, path in searched]
for path, written, name, kind in found:
    if written is None:
        fail("trial %s of %s is the best, but its %s is %s, which is no %s"
             % (best.get("id"), job.group(1), name, json.dumps(given.get(name)), kind))
for path, written in [pair[:2] for pair in found] + [(file, repr(value))]:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as f: f.write(written.encode("utf-8"))
"""
"""`python3 -c BEST gcp_resources metric goal file name type path...`, after the search.

`gcp_resources` is what Google's launcher writes: JSON that names the HyperparameterTuningJob. The job is read from
Vertex AI's API with the access token that the metadata server gives the task's service account; answers of 429 and 5xx
and failures of the connection are tried four more times, after 1, 2, 4 and 8 seconds. Of the trials that SUCCEEDED the
best final measurement of the metric counts, of equal ones the first. Its values go into the files at `path` in their
types, the metric into `file`. Ends with exit code 1 and one line where no trial is the best, or it lacks a value.

https://docs.cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.hyperparameterTuningJobs
"""


@dataclass(frozen=True)
class Searched:
    """An input that is searched: its name, its type as the language has it, and the flag that the program expects."""

    name: str
    kind: str
    flag: str


def with_trial(command: Sequence[str], metric: str, output: str, searched: Sequence[Searched]) -> list[str]:
    """`command` behind TRIAL. `output` is the path of the output that is the metric, or empty: then it is a tag.

    The command must not be empty: the entrypoint of an image cannot be started from here.
    """
    assert command, "the checks refuse a search without `command`"
    words = [word for one in searched for word in (one.name, one.kind, one.flag)]
    return [interpreter(command), "-c", TRIAL, metric, output, *words, "--", *command]


def trial_folders(text: str, outputs: Mapping[str, OutputPort]) -> str:
    """A word of the command in which every place of an output is one in the folder of the trial."""
    for name, port in outputs.items():
        if port.type.is_artifact:
            text = text.replace(placeholders.output_artifact(name), f"{_FOLDER}{name}")
            text = text.replace(placeholders.output_artifact(name, "uri"), f"{_URI}{name}")
        else:
            text = text.replace(placeholders.output_file(name), trial_output(name))
    return text


def trial_output(name: str) -> str:
    """Where a trial writes a value output."""
    return f"{_FOLDER}{name}"


def best_arguments(resources: str, metric: str, goal: str, kinds: Mapping[str, str], best: str) -> list[str]:
    """What BEST is told, with `kinds` of the searched inputs by name; `best` names the output of the best metric."""
    words = [word for name, kind in kinds.items() for word in (name, kind, placeholders.output_file(name))]
    return [placeholders.parameter(resources), metric, goal, placeholders.output_file(best), *words]
