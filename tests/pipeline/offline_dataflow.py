"""What tests of Dataflow's jobs share: flags of a job, and a machine without a network."""

import socket

import pytest

FLAGS = (
    "--runner=DataflowRunner",
    "--project=my-project",
    "--region=europe-west1",
    "--temp_location=gs://my-bucket/tmp",
    "--sdk_container_image=europe-west1-docker.pkg.dev/my-project/images/tokenmill:0.1.0",
)
IMAGE = FLAGS[-1].partition("=")[2]
DRY = ("--dry_run=True", "--no_auth")


def go_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on no connection leaves this machine; asking for one is an error. Skips where no job can be built."""
    pytest.importorskip("google.cloud.dataflow_v1beta3", reason="pip install 'tokenmill[gcp]' to build Dataflow's jobs")

    def refuse(self, address):
        raise AssertionError(f"a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
