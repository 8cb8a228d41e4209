"""Images: made from recipes, pushed to registries, looked up there. Plain values enter and leave.

    recipe (what an image is made of, and its digest) -> builders (docker, podman, buildah) or cloud_build -> push
    registry (what an address holds), with credentials

Whatever goes wrong is an `ImageTrouble` with a rule of `findings`. Nothing here prints or reads the environment of the
process: that is given.
"""
