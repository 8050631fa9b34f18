"""A worker learns what its job is as Beam's containers do."""

from concurrent.futures import ThreadPoolExecutor

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc

from pipeline.engines.harness import harness_environment, is_executor, provisioned


def test_only_the_name_of_a_class_makes_an_executor():
    assert is_executor(["java", "-cp", "x", "org.apache.spark.executor.CoarseGrainedExecutorBackend", "--id"])
    assert not is_executor(["java", "-cp", "CoarseGrainedExecutorBackend.jar", "JobServer"])


def test_the_worker_gets_what_beams_containers_get():
    found = harness_environment("7", '{"a": 1}', "localhost:1", "localhost:2", ["x", "y"])
    assert found["CONTROL_API_SERVICE_DESCRIPTOR"] == 'url: "localhost:1"'
    assert (found["WORKER_ID"], found["PIPELINE_OPTIONS"]) == ("7", '{"a": 1}')
    assert found["RUNNER_CAPABILITIES"] == "x y"


class Provision(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
    def GetProvisionInfo(self, request, context):
        assert ("worker_id", "7") in [(key, value) for key, value in context.invocation_metadata()]
        info = beam_provision_api_pb2.ProvisionInfo()
        info.pipeline_options["beam:option:runner:v1"] = "SparkRunner"
        info.control_endpoint.url = "localhost:1"
        return beam_provision_api_pb2.GetProvisionInfoResponse(info=info)


def test_a_worker_asks_its_executor_for_the_jobs_options():
    server = grpc.server(ThreadPoolExecutor(1))
    beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(Provision(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    found = provisioned(["--id=7", f"--provision_endpoint=127.0.0.1:{port}", "--logging_endpoint=localhost:2"])
    server.stop(None)
    assert found["CONTROL_API_SERVICE_DESCRIPTOR"] == 'url: "localhost:1"'
    assert found["LOGGING_API_SERVICE_DESCRIPTOR"] == 'url: "localhost:2"'
    assert "SparkRunner" in found["PIPELINE_OPTIONS"]
