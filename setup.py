"""The package's files: the Python packages, and the BPF sources as a folder inside them."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["tracer", "tracer.*"]), "tracer.bpf"],
    package_dir={"tracer.bpf": "bpf"},
    package_data={
        "": [
            "*.js",
            "*.css",
            "*.html",
            "*.sql",
            "*.proto",
            "*.pyi",
            "*.txt",
            "*.md",
            "LICENSE*",
            "assets/**/*",
        ],
        "tracer.bpf": ["**/*"],
    },
)
