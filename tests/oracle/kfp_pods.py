"""Where pods of Kubernetes run, how they are labelled and for how long they may run."""

from kfp import dsl, kubernetes


@dsl.container_component
def work():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["go"])


@dsl.container_component
def other():
    return dsl.ContainerSpec(image="registry.example/team/tool:1.0", args=["other"])


@dsl.pipeline
def part():
    kubernetes.set_timeout(other(), 7200)


@dsl.pipeline(name="kfp-pods")
def pipeline():
    first = work().set_cpu_limit("2")
    kubernetes.set_image_pull_policy(first, "Always")
    kubernetes.add_node_selector(first, "pool", "gpu")
    kubernetes.add_node_selector(first, "zone", "a")
    kubernetes.add_toleration(first, key="gpu", operator="Exists", effect="NoSchedule")
    second = work()
    kubernetes.set_image_pull_policy(second, "Always")
    kubernetes.add_pod_label(second, "team", "vision")
    kubernetes.add_pod_annotation(second, "note", "a b")
    third = other()
    kubernetes.set_timeout(third, 7200)
    kubernetes.add_toleration(third, "spot", "Equal", "true", "NoExecute", 10)
    kubernetes.add_toleration(third, operator="Exists")
    kubernetes.empty_dir_mount(third, "scratch", "/scratch", size_limit="5Gi")
    part()
