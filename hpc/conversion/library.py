"""x"""
from typing import Literal, Any
Style = Literal["hydra", "argparse"]
def library_document(found: Any, d: Any, style: Style, notes: Any) -> dict[str, Any]: return {}
