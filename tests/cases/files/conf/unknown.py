"""Registers what it takes from a package that nobody has."""

from a_package_of_the_image import register

register()
