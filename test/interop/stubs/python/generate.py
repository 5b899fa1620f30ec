"""Generates Python stubs from all proto files below a folder, and imports every generated module.

Usage: generate.py <folder of the proto files> <folder for the stubs>
"""

import importlib
import pathlib
import sys

from grpc_tools import protoc

protos, stubs = (pathlib.Path(folder).resolve() for folder in sys.argv[1:])
files = sorted(str(path) for path in protos.rglob("*.proto"))
well_known = pathlib.Path(protoc.__file__).parent / "_proto"
status = protoc.main(
    [
        "protoc",
        f"--proto_path={protos}",
        f"--proto_path={well_known}",
        f"--python_out={stubs}",
        f"--pyi_out={stubs}",
        f"--grpc_python_out={stubs}",
        *files,
    ]
)
if status != 0:
    sys.exit(status)

sys.path.insert(0, str(stubs))
for path in sorted(stubs.rglob("*.py")):
    importlib.import_module(".".join(path.relative_to(stubs).with_suffix("").parts))
