"""Artifacts of two branches joined; one comes from the second step of its branch."""

from kfp import dsl
from kfp.dsl import Input, Output, OutputPath


@dsl.container_component
def look(kind: OutputPath(str)):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[kind])


@dsl.container_component
def prepare(data: Output[dsl.Dataset]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path])


@dsl.container_component
def train_net(data: Input[dsl.Dataset], model: Output[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[data.path, model.path])


@dsl.container_component
def train_tree(tree: Output[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[tree.path])


@dsl.container_component
def evaluate(model: Input[dsl.Model]):
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=[model.path])


@dsl.pipeline(name="join-artifacts")
def pipeline():
    kind = look().outputs["kind"]
    with dsl.If(kind == "net"):
        net = train_net(data=prepare().outputs["data"])
    with dsl.Else():
        tree = train_tree()
    evaluate(model=dsl.OneOf(net.outputs["model"], tree.outputs["tree"]))
