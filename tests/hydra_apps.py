"""A pipeline of one step that is a real Hydra application: compiled, run by the local engine, and what the app saw."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiling import Result, compile_text

from hpc.engines.events import Event
from hpc.engines.local import Request, run
from hpc.engines.outcome import TaskResult
from hpc.templates import as_yaml

APP = """
import json
import os
import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

@hydra.main(config_path="conf", config_name="main", version_base="1.3")
def main(config):
    seen = OmegaConf.to_container(config, resolve=True)
    seen["hydra"] = {"job": HydraConfig.get().job.name, "launcher": HydraConfig.get().launcher._target_}
    with open(os.environ["SEEN"], "a") as file:
        file.write(json.dumps(seen) + "\\n")

main()
"""
CONFIG: Mapping[str, str] = {
    "main.yaml": "defaults: [{model: mlp}, {db: null}, _self_]\nlr: 0.5\nname: x\nseed: 0\nxs: [0]\nd: {x: 1}\n",
    "model/mlp.yaml": "kind: mlp\nlr: 0.1\n",
    "model/vit.yaml": "kind: vit\nlr: 0.2\n",
    "db/mysql.yaml": "port: 3306\n",
    "db/postgres.yaml": "port: 5432\n",
}


@dataclass(frozen=True)
class Project:
    """A folder with an application and its configuration."""

    folder: Path

    @classmethod
    def made(cls, folder: Path, config: Mapping[str, str] = CONFIG, app: str = APP) -> Project:
        for name, text in config.items():
            file = folder / "conf" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        (folder / "app.py").write_text(app, encoding="utf-8")
        return cls(folder)

    def text(self, component: Mapping[str, Any], inputs: Mapping[str, Any] | None = None) -> str:
        """A pipeline file of the step `fit`, nearly as JSON; `inputs` reach the component by their names."""
        said: dict[str, Any] = {"image": "app", "command": ["python", "app.py"], **component}
        said["env"] = {"SEEN": str(self.folder / "seen"), **component.get("env", {})}
        document: dict[str, Any] = {
            "hpc": 1,
            "name": "p",
            "inputs": inputs or {},
            "images": {"app": {"uri": "repo.example/app:1.0", "local": {"dir": "."}}},
            "components": {"fit": said},
            "edges": ["fit", *(f"inputs.{name} -> fit.{name}" for name in inputs or {})],
        }
        return as_yaml(document)

    def compiled(self, component: Mapping[str, Any], target: str = "local", **inputs: Any) -> Result:
        """Compiled where the application is not, so that only the file itself is judged."""
        return compile_text(self.text(component, inputs), target, folder=self.folder / "elsewhere")

    def args(self, component: Mapping[str, Any], target: str = "local", **inputs: Any) -> list[str]:
        """The arguments of the step as they are compiled."""
        return self.container(component, target, **inputs)["args"]

    def container(self, component: Mapping[str, Any], target: str = "local", **inputs: Any) -> dict[str, Any]:
        result = self.compiled(component, target, **inputs)
        assert result.compiled is not None, result.shown
        spec = json.loads(result.compiled.text.split("\n---\n")[0])
        return spec["deploymentSpec"]["executors"]["exec-fit"]["container"]

    def run(
        self, component: Mapping[str, Any], arguments: Mapping[str, Any] | None = None, **inputs: Any
    ) -> TaskResult:
        """Run the pipeline, compiled beside the application, with these arguments; the step has to succeed."""
        result = compile_text(self.text(component, inputs), "local", folder=self.folder)
        assert result.compiled is not None, result.shown
        spec, platform = map(json.loads, result.compiled.text.split("\n---\n"))
        request = Request(base=self.folder, environ=os.environ, arguments=arguments or {})
        task = run(spec, platform, request, _unheard).tasks["fit"]
        assert task.state == "SUCCEEDED", Path(task.log).read_text(encoding="utf-8")
        return task

    @property
    def seen(self) -> list[dict[str, Any]]:
        """The configurations that the application saw, one for each job."""
        return [json.loads(line) for line in (self.folder / "seen").read_text(encoding="utf-8").splitlines()]


def _unheard(event: Event) -> None:
    del event
