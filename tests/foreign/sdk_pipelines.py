"""Whole pipelines for the KFP SDK to compile: loops, conditions, importers, nesting, exit handlers, Kubernetes."""
# ruff: noqa: UP006, UP014, UP035, UP045, ARG001, E712

from typing import List, NamedTuple, Optional

from kfp import dsl, kubernetes


@dsl.container_component
def prep(n: int, out: dsl.Output[dsl.Dataset], score: dsl.OutputPath(float)):
    return dsl.ContainerSpec(image="prep:1", args=[n, out.path, score])


@dsl.container_component
def train(data: dsl.Input[dsl.Dataset], lr: float, model: dsl.Output[dsl.Model], acc: dsl.OutputPath(float)):
    return dsl.ContainerSpec(image="train:1", args=[data.path, lr, model.path, acc])


@dsl.container_component
def best(scores: List[float], models: dsl.Input[List[dsl.Model]], top: dsl.OutputPath(float)):
    return dsl.ContainerSpec(image="best:1", args=[scores, models, top])


@dsl.container_component
def notify(status: dsl.PipelineTaskFinalStatus, text: str):
    return dsl.ContainerSpec(image="notify:1", args=[status, text])


@dsl.pipeline
def inner(lr: float = 0.5) -> float:
    made = prep(n=1)
    return train(data=made.outputs["out"], lr=lr).outputs["acc"]


@dsl.pipeline(name="straight", description="One after the other.", display_name="Straight on")
def straight(n: int, lr: float = 0.1) -> NamedTuple("Results", [("Model", dsl.Model), ("acc", float)]):
    made = prep(n=n)
    made.set_caching_options(False)
    trained = train(data=made.outputs["out"], lr=lr).set_retry(2).set_cpu_limit("2").set_memory_limit("4G")
    results = NamedTuple("Results", [("Model", dsl.Model), ("acc", float)])
    return results(trained.outputs["model"], trained.outputs["acc"])


@dsl.pipeline(name="loops")
def loops(rates: List[float], note: Optional[str] = None):
    data = dsl.importer("gs://bucket/data", dsl.Dataset, metadata={"note": "constant"})
    with dsl.ParallelFor(rates, parallelism=2) as lr:
        trained = train(data=data.output, lr=lr)
    best(scores=dsl.Collected(trained.outputs["acc"]), models=dsl.Collected(trained.outputs["model"]))
    with dsl.ParallelFor([{"rate": 0.5, "more": 0.25}, {"rate": 0.1, "more": 0.2}]) as item:
        train(data=data.output, lr=item.rate)


@dsl.pipeline(name="branches")
def branches(name: str, flag: bool = True) -> float:
    before = prep(n=5)
    last = notify(text=f"hello {name}")
    with dsl.ExitHandler(last):
        first = prep(n=3)
        with dsl.If(first.outputs["score"] > 0.5, name="good"):
            prep(n=4)
            with dsl.If(flag == True):
                inner(lr=0.2)
        with dsl.If(name == "x"):
            one = inner(lr=first.outputs["score"])
        with dsl.Elif(name == "y"):
            two = inner(lr=before.outputs["score"])
        with dsl.Else():
            three = inner()
        train(data=first.outputs["out"], lr=dsl.OneOf(one.output, two.output, three.output))
    return before.outputs["score"]


@dsl.pipeline(name="cluster")
def cluster(secret: str, tag: str = "x") -> float:
    claim = kubernetes.CreatePVC(
        pvc_name_suffix="-data", access_modes=["ReadWriteOnce"], size="5Gi", storage_class_name="s"
    )
    made = prep(n=1)
    kubernetes.use_secret_as_env(made, secret_name=secret, secret_key_to_env={"password": "PASSWORD"})
    kubernetes.mount_pvc(made, pvc_name=claim.outputs["name"], mount_path="/data")
    with dsl.If(tag == "x"):
        again = prep(n=2)
        kubernetes.mount_pvc(again, pvc_name=claim.outputs["name"], mount_path="/data")
        kubernetes.add_node_selector(again, "pool", "gpu")
    return made.outputs["score"]


PIPELINES = [straight, loops, branches, cluster]
