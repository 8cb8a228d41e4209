"""What can go wrong with images, and how it leaves this room: an `ImageTrouble`, which knows no place in a file."""

from __future__ import annotations

from hpc.diagnostics import Rule

NO_BUILDER = Rule(
    "HPC952",
    "nothing here can build images",
    "Images are built by docker, podman or buildah, whichever works on this machine, or by Cloud Build.",
    "Install or start one of them, or name another with `--with`.",
)
NO_CONTEXT = Rule(
    "HPC953",
    "recipe of an image cannot be read",
    "An image is built from a folder and a Dockerfile in it.",
    "Correct `build.context` or `build.dockerfile`.",
)
NOT_BUILDABLE = Rule(
    "HPC954",
    "image cannot be built under this address",
    "What is built gets the address as its name: one recipe for each address, and no digest in it, as that is known "
    "only afterwards.",
    "Give each image an address with a tag of its own.",
)
BUILD_FAILED = Rule(
    "HPC955",
    "image could not be built",
    "A step of the recipe failed, or its base image could not be had. The end of what the builder said is shown.",
    "Mend what it names, and build again: what is well is kept.",
)
PUSH_FAILED = Rule(
    "HPC956",
    "image could not be pushed",
    "The registry did not take the image.",
    "Log in to the registry with a right to write there, or correct the address.",
)
NOT_ALLOWED = Rule(
    "HPC957",
    "registry wants other credentials",
    "The registry does not show the image to whoever asks. hpc takes the credentials that `docker login` has left, and "
    "those of docker's credential helpers.",
    "Log in: `docker login <registry>`.",
)
NOT_THERE = Rule(
    "HPC958",
    "image is not in its registry",
    "Only what is in a registry can be run by a cluster, and only that has a digest.",
    "Push it, with `hpc build --push` if the file says how it is built; or correct the address.",
)
UNREACHABLE = Rule(
    "HPC959",
    "registry does not answer",
    "It was asked several times.",
    "Look at the network and the address, and run the same command again.",
)
BAD_ANSWER = Rule(
    "HPC960",
    "registry answers in a way that hpc does not know",
    "Registries follow the distribution specification of the Open Container Initiative.",
    "Look whether the address names a registry.",
)
NO_CLOUD_BUILD = Rule(
    "HPC961",
    "Cloud Build cannot be asked",
    "Cloud Build runs in a project, takes its source from a bucket, and wants to know who asks.",
    "Do what the message says.",
)
CLOUD_BUILD_REFUSED = Rule(
    "HPC962",
    "refused by Cloud Build",
    "Google Cloud read the request and does not accept it.",
    "Mend what it names.",
)
RULES = (
    NO_BUILDER,
    NO_CONTEXT,
    NOT_BUILDABLE,
    BUILD_FAILED,
    PUSH_FAILED,
    NOT_ALLOWED,
    NOT_THERE,
    UNREACHABLE,
    BAD_ANSWER,
    NO_CLOUD_BUILD,
    CLOUD_BUILD_REFUSED,
)


class ImageTrouble(Exception):
    """Something that stops one image. `lines` are the end of what a program said."""

    def __init__(self, rule: Rule, fact: str, fix: str, lines: tuple[str, ...] = ()) -> None:
        super().__init__(fact)
        self.rule = rule
        self.fact = fact
        self.fix = fix
        self.lines = lines
