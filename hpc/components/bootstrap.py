r"""Programs in front of a command: what has to happen inside the container before and after the user's own program.

A command enters, a longer one leaves. Each program is constant text behind `python3 -c`, followed by its own arguments
and by the command that it starts; programs therefore chain, the first one outermost:

    python3 -c METRICS {{$}} name path... -- python3 -c SECRETS VARIABLE... -- python3 -c BOOTSTRAP command...

The command ends in the arguments that the templates write. Only the standard library is used, so an image needs no more
than some Python 3.6 or later. (What stands in front for Hydra's grammar is in `hydra.py`.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hpc.components import placeholders
from hpc.components.ports import OutputPort
from hpc.components.types import Type

_PYTHON = re.compile(r"python[0-9.]*")
_READ_AS_METRICS = (Type("Metrics"), Type("ClassificationMetrics"))

# The text of both programs is part of KFP's cache key: any change, even of a comment, runs every cached task again.
# Count the version in the first line up with each change. To survive KFP and Kubernetes the texts hold neither doubled
# braces nor a dollar sign before a dollar sign, a dot or a parenthesis. `python3 -c` looks for modules in the working
# directory first, where a program may well keep a `signal.py` or `token.py` of its own: that entry goes.

SECRETS = r"""# hpc secrets 1: put the values of secrets into the environment, then exec the program
import os, sys
sys.path = [p for p in sys.path if p]
import base64, http.client, json, signal, time, urllib.error, urllib.parse, urllib.request
META = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
API = "https://secretmanager.googleapis.com/v1/%s:access"
def fail(code, text):
    sys.stderr.write("hpc: " + " ".join(text.split()) + "\n")
    sys.exit(code)
def reason(e):
    try: return "HTTP %d: %s" % (e.code, json.loads(e.read().decode())["error"]["message"])
    except Exception: return "HTTP %d %s" % (e.code, e.reason)
def get(opener, url, header, value, what):
    for wait in (1, 2, 4, None):
        again = True
        try:
            with opener.open(urllib.request.Request(url, headers={header: value}), timeout=30) as f:
                return json.loads(f.read().decode())
        except urllib.error.HTTPError as e: why, again = reason(e), e.code == 429 or e.code >= 500
        except (OSError, http.client.HTTPException) as e: why = str(getattr(e, "reason", e)) or type(e).__name__
        except ValueError: why, again = "the answer is not JSON", False
        if wait is None or not again: fail(1, what + why)
        time.sleep(wait)
a = sys.argv[1:]
n = a.index("--")
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy knows this machine's metadata
token = None
for name in a[:n]:
    resource = os.environ.get(name)
    if not resource: fail(1, "the variable %s does not name a secret" % name)
    what = "cannot read the secret %s for %s: " % (resource, name)
    try: token = token or get(direct, META, "Metadata-Flavor", "Google", what + "no access token: ")["access_token"]
    except (KeyError, TypeError): fail(1, what + "no access token")
    url = API % urllib.parse.quote(resource)
    answer = get(urllib.request.build_opener(), url, "Authorization", "Bearer %s" % token, what)
    try: os.environb[os.fsencode(name)] = base64.b64decode(answer["payload"]["data"])
    except Exception: fail(1, what + "its value cannot be a variable")
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and so would the program
try: os.execvp(a[n + 1], a[n + 1:])
except (OSError, ValueError, IndexError) as e: fail(127, "cannot start %s: %s" % (a[n + 1:n + 2], e))
"""
"""`python3 -c SECRETS VARIABLE... -- command...`, on Vertex AI, whose compiled files have no place for secrets.

Each variable holds the resource name of a secret's version (`projects/p/secrets/s/versions/3`) and gets its value, byte
for byte, from Secret Manager, with the access token that the metadata server gives the task's service account. Answers
of 429 and 5xx and failures of the connection are tried three more times, after 1, 2 and 4 seconds. Else it ends with
exit code 1 and one line that names the secret, never a value; with 127 if the command cannot be started.

https://docs.cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
"""

RUN_CHILD = r"""def run(argv):
    caught = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, caught)
    child = os.fork()
    if not child:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and so would the program
        try: os.execvp(argv[0], argv)
        except (OSError, ValueError, IndexError) as e: warn("cannot start %s: %s" % (argv[:1], e))
        finally: os._exit(127)
    for s in caught: signal.signal(s, lambda number, frame: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # the child can still be signalled
    for s in caught: signal.signal(s, signal.SIG_DFL)
    status = os.waitpid(child, 0)[1]
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
"""
"""Part of a program: `run(argv)` starts a child, hands on the signals that arrive, and gives its exit code as a shell
does. Needs `warn` and the imports of the program. A change of it is one of every program that holds it.
"""

METRICS = (
    r"""# hpc metrics 1: run the program, then report what its Metrics files hold
import os, sys
sys.path = [p for p in sys.path if p]
import json, signal
MOST = 100000  # bytes of metadata; Vertex AI takes 131072 for all outputs
def warn(text):
    sys.stderr.write("hpc: " + text + "\n")
    sys.stderr.flush()
"""
    + RUN_CHILD
    + r"""def number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool) and abs(x) < 1e308
def numbers(x, name):
    if not all(number(v) or v in ("NaN", "Infinity", "-Infinity") for v in x.values()): raise ValueError
    for k in x:
        if not number(x[k]): warn("%s: %s is not finite and is not reported" % (name, k))
    return dict((k, x[k]) for k in x if number(x[k]))
def matrix(x):
    if "matrix" not in x: return dict((k, x[k]) for k in ("annotationSpecs", "rows"))
    if len(x["categories"]) != len(x["matrix"]): raise ValueError
    names = [{"displayName": str(c)} for c in x["categories"]]
    return dict(annotationSpecs=names, rows=[{"row": r} for r in x["matrix"]])
def roc(x):
    keys = ("confidenceThreshold", "recall", "falsePositiveRate")
    if isinstance(x, dict):
        columns = x["thresholds" if "thresholds" in x else "threshold"], x["tpr"], x["fpr"]
        if len(set(map(len, columns))) > 1: raise ValueError
        x = [dict(zip(keys, row)) for row in zip(*columns)]
    x = [p for p in x if all(number(p[k]) for k in keys)]
    return x[:-1:len(x) // 400 + 1] + x[-1:]  # more points than can be seen take too much room
def charts(x):
    found = {}
    if "confusionMatrix" in x: found["confusionMatrix"] = matrix(x["confusionMatrix"])
    for k in ("confidenceMetrics", "roc"):
        if k in x: found["confidenceMetrics"] = roc(x[k])
    if not found: raise ValueError
    return found
def read(path):
    try:
        with open(path, "rb") as f: return json.loads(f.read(1000000).decode(), parse_constant=str)
    except (OSError, ValueError, RecursionError): return None
def metadata(artifact, name, path):
    x = read(path)
    if x is None: return None
    chart = artifact.get("type", {}).get("schemaTitle") == "system.ClassificationMetrics"
    try: found = charts(x) if chart else numbers(x, name)
    except (ValueError, KeyError, TypeError, AttributeError):
        form = "a confusion matrix or a ROC curve" if chart else "a JSON object of numbers"
        return warn("%s is not %s and is not reported" % (name, form))
    if len(json.dumps(found)) < MOST: return found
    return warn("%s is too large and is not reported" % name)
def report(info, files):
    outputs, cluster = info["outputs"], json.loads(os.environ.get("CLUSTER_SPEC") or "{}")
    if cluster.get("task", {}).get("type", "chief") not in ("workerpool0", "chief", "master"): return
    found = {}
    for name, path in zip(files[::2], files[1::2]):
        name = name.decode()
        artifact = outputs["artifacts"][name]["artifacts"][0]
        data = metadata(artifact, name, path)
        if data: found[name] = dict(name=artifact.get("name", ""), uri=artifact.get("uri", ""), metadata=data)
    if not found: return
    file = outputs["outputFile"].encode()
    own = read(file) if os.path.exists(file) else {}
    if own is None: return  # the launcher will say that it is no JSON
    listed = own.setdefault("artifacts", {})
    for name in found:
        entry = listed.setdefault(name, {"artifacts": [found[name]]})["artifacts"][0]
        entry["metadata"] = dict(found[name]["metadata"], **entry.get("metadata", {}))
    os.makedirs(os.path.dirname(file) or b".", exist_ok=True)
    with open(file, "w") as f: f.write(json.dumps(own))
n = sys.argv.index("--")
code = run(sys.argv[n + 1:])
if code == 0:
    given = [os.fsencode(o) for o in sys.argv[1:n]]  # in any locale
    try: report(json.loads(given[0].decode()), given[1:])
    except Exception as e: warn("metrics are not reported: %s: %s" % (type(e).__name__, e))
sys.exit(code)
"""
)
"""`python3 -c METRICS {{$}} name path... -- command...`: shows the metrics that a program writes, on Vertex AI and kfp.

The command runs as a child, which gets the signals that this process gets; the exit code is the child's, 128 and the
signal's number if it was killed. After a success the file of each named output artifact is read:

- Metrics: a JSON object of numbers;
- ClassificationMetrics: `{"confusionMatrix": {"categories": [...], "matrix": [[...], ...]}}` and
  `{"roc": {"fpr": [...], "tpr": [...], "thresholds": [...]}}`, or what the KFP SDK writes for both (`annotationSpecs`
  and `rows`; a list under `confidenceMetrics`).

It becomes the artifact's metadata in the executor output (ExecutorOutput in pipeline_spec.proto), beside what the
program has put there itself, which wins. Only the first machine of several reports. A file that is missing or is no
JSON is left alone; JSON of another form is a line on stderr. Nothing that goes wrong here fails the task.
"""


def with_secrets(command: list[str], variables: Sequence[str]) -> list[str]:
    """`command` behind the program that gives these environment variables the values of the secrets that they name.

    Unchanged without variables, and if it is empty: the entrypoint of an image cannot be started from here.
    """
    return _behind(command, SECRETS, variables) if variables else command


def with_metrics(command: list[str], outputs: Sequence[str]) -> list[str]:
    """`command` behind the program that reports what these output artifacts hold.

    Unchanged without any, and if it is empty.
    """
    pairs = [word for name in outputs for word in (name, placeholders.output_artifact(name))]
    return _behind(command, METRICS, [placeholders.RUN_IN_TEXT["executor_input"], *pairs]) if outputs else command


def metric_outputs(outputs: Mapping[str, OutputPort]) -> list[str]:
    """The outputs whose files `with_metrics` reads, by name."""
    return sorted(name for name, port in outputs.items() if port.type in _READ_AS_METRICS)


def interpreter(command: Sequence[str]) -> str:
    """The Python that a program in front of the command runs in: the command's own, if it begins with one."""
    return command[0] if begins_with_python(command) else "python3"


def begins_with_python(command: Sequence[str]) -> bool:
    return bool(command) and bool(_PYTHON.fullmatch(command[0].rpartition("/")[2]))


def _behind(command: list[str], program: str, arguments: Sequence[str]) -> list[str]:
    return [interpreter(command), "-c", program, *arguments, "--", *command] if command else command
