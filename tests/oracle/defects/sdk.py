"""What the KFP SDK compiles without complaint although the result cannot run."""

from kfp import dsl


@dsl.container_component
def say(text: str):
    return dsl.ContainerSpec(image="registry.example/tool:1.0", args=[text])


def text_of_element_under_a_condition(names: list[str], go: bool):
    with dsl.If(go == True), dsl.ParallelFor(names) as name:  # noqa: E712
        say(text=f"I am {name}")


def text_of_element_of_an_inner_loop(names: list[str], others: list[str]):
    with dsl.ParallelFor(names), dsl.ParallelFor(others) as other:
        say(text=f"I am {other}")


def text_of_element_in_branches(names: list[str], go: bool):
    with dsl.ParallelFor(names) as name:
        with dsl.If(go == True):  # noqa: E712
            say(text=f"I am {name}")
        with dsl.Else():
            say(text=f"I am not {name}")


def text_of_field(records: list[dict]):
    with dsl.ParallelFor(records) as record:
        say(text=f"I am {record.title}")


def name_in_names(names: list[str], name: str):
    with dsl.ParallelFor(names):
        say(text=name)
        with dsl.ParallelFor(["a", "b"]):
            say(text=name)


def machine_under_a_condition(cpu: str, go: bool):
    with dsl.If(go == True):  # noqa: E712
        say(text="x").set_cpu_limit(cpu)


def uri_put_together(bucket: str):
    dsl.importer(artifact_uri=f"gs://{bucket}/data", artifact_class=dsl.Dataset)


def quote_in_condition(name: str):
    with dsl.If(name == "it's"):
        say(text="x")


def number_and_text(count: int):
    with dsl.If(count == "4"):
        say(text="x")
