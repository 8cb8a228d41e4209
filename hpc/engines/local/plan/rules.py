"""What the local engine demands before it starts anything."""

from __future__ import annotations

from hpc.diagnostics import Rule

NOT_YET_LOCAL = Rule(
    "HPC901",
    "not run locally",
    "The file asks for something that the local engine cannot do. It says so instead of running something else.",
    "Run it on vertex or kfp, or leave that part out locally.",
)
NO_COMMAND = Rule(
    "HPC906",
    "no command to run",
    "Without a container there is no entry point of an image, so the component must name its program.",
    "Write command: in the component.",
)
SECRET_NOT_SET = Rule(
    "HPC907",
    "secret is not set",
    "Secrets are read from the environment before anything runs, so that a run does not fail half-way.",
    "Set the environment variable.",
)
BAD_LOCAL_SETTING = Rule(
    "HPC908",
    "local setting cannot be used",
    "platforms.local says how a task runs on this machine; a misread setting would run something else.",
    "Mend the local section and compile again.",
)
BROKEN_REFERENCE = Rule(
    "HPC909",
    "reference to nothing",
    "Every component, executor, task and output that the file names must be in it, and tasks cannot wait in a circle.",
    "Compile the pipeline again.",
)
NO_RUN_FOLDER = Rule(
    "HPC910",
    "run folder cannot be made",
    "Logs, outputs and results of a run are kept in a folder of its own.",
    "Choose another root folder, or free some space.",
)
BAD_EXPRESSION = Rule(
    "HPC912",
    "expression cannot be read",
    "Conditions, and parts taken of values, are written in CEL. The KFP SDK writes some that no engine can read, "
    "such as a text with a quote in it.",
    "Write the condition so that the compiled file holds a sound expression, and compile again.",
)

STORE_TROUBLE = Rule(
    "HPC920",
    "store cannot be used",
    "Everything that happens in a run is written down before it is acted on, so that a run can be gone on with.",
    "Free some space, or choose another root folder.",
)
RUN_BUSY = Rule(
    "HPC921",
    "run is being run",
    "Two engines on one run would start the same tasks twice.",
    "Wait for the other one, or stop it.",
)
CANNOT_RESUME = Rule(
    "HPC922",
    "run cannot be gone on with",
    "A run is gone on with by its own pipeline, from what is kept of it.",
    "Name another run, or run the pipeline anew.",
)
UNKNOWN_STEP = Rule(
    "HPC923",
    "unknown step",
    "Only steps of the pipeline can be chosen; a mistyped one would run something else.",
    "Use one of the names of its steps.",
)
NO_CONTAINERS = Rule(
    "HPC924",
    "containers cannot be run",
    "In this mode every task runs in a container of its image.",
    "Start the container engine, or run tasks as host processes.",
)
NO_SAMPLER = Rule(
    "HPC925",
    "nothing chooses the values of a search",
    "`tune` asks Optuna for the values of the next trial, unless the algorithm is grid.",
    "Install Optuna, or write `algorithm: grid` and lists of values.",
)

RULES = (
    NOT_YET_LOCAL,
    NO_COMMAND,
    SECRET_NOT_SET,
    BAD_LOCAL_SETTING,
    BROKEN_REFERENCE,
    NO_RUN_FOLDER,
    STORE_TROUBLE,
    RUN_BUSY,
    CANNOT_RESUME,
    UNKNOWN_STEP,
    NO_CONTAINERS,
    NO_SAMPLER,
    BAD_EXPRESSION,
)
