"""Execute every notebook of this folder; the results, with their plots, go into another folder.

Run by `make notebook`, in the environment of requirements/notebook.lock. A cell that fails ends it.
"""

import sys
from pathlib import Path

import jupytext
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient

CELL_SECONDS = 60


def main(target: Path) -> None:
    """Execute notebooks into *target*."""
    target.mkdir(parents=True, exist_ok=True)
    for source in sorted(Path(__file__).parent.glob("*/*.py")):
        notebook = jupytext.read(source)
        kernel = AsyncKernelManager(kernel_name="python3", transport="ipc")
        NotebookClient(notebook, km=kernel, timeout=CELL_SECONDS).execute()
        plots = sum(
            "image/png" in output.get("data", {})
            for cell in notebook.cells
            for output in cell.get("outputs", ())
        )
        result = target / source.with_suffix(".ipynb").name
        jupytext.write(notebook, result)
        print(f"{source.name}: {len(notebook.cells)} cells, {plots} plots, in {result}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
