"""The Pulumi plugin `aws` where an older provider stands in for it: the region is called as pulumi-aws 7 calls it.

Hands every call on to the next `pulumi-resource-aws` of the PATH.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any, Final

import grpc
from pulumi.runtime.proto import provider_pb2

OPTIONS: Final = [("grpc.max_receive_message_length", 400 * 2**20), ("grpc.max_send_message_length", 400 * 2**20)]


class Proxy(grpc.GenericRpcHandler):  # type: ignore[misc] # the library has no types
    """Passes messages as bytes, but for lookups of the region."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def service(self, details: Any) -> Any:
        method = details.method
        forward = self._channel.unary_unary(method)

        def call(request: bytes, context: Any) -> bytes:
            try:
                return _CHANGED.get(method.rpartition("/")[2], _unchanged)(request, forward)
            except grpc.RpcError as error:
                context.set_trailing_metadata([pair for pair in error.trailing_metadata() or () if _is_detail(pair)])
                context.abort(error.code(), error.details())
                raise

        return grpc.unary_unary_rpc_method_handler(call)


def _is_detail(pair: tuple[str, bytes]) -> bool:
    return pair[0] == "grpc-status-details-bin"


def _unchanged(request: bytes, forward: Callable[[bytes], bytes]) -> bytes:
    return forward(request)


def _invoke(request: bytes, forward: Callable[[bytes], bytes]) -> bytes:
    answer = forward(request)
    if provider_pb2.InvokeRequest.FromString(request).tok != "aws:index/getRegion:getRegion":
        return answer
    response = provider_pb2.InvokeResponse.FromString(answer)
    fields = getattr(response, "return").fields
    fields["region"].CopyFrom(fields["name"])
    return bytes(response.SerializeToString())


_CHANGED: Final = {"Invoke": _invoke}


def main() -> None:
    """Serve on a port of its own, told on standard output, until the engine ends this process."""
    own = Path(sys.argv[1])
    path = os.pathsep.join(one for one in os.environ["PATH"].split(os.pathsep) if Path(one) != own)
    plugin = shutil.which("pulumi-resource-aws", path=path)
    if plugin is None:
        sys.exit("no other pulumi-resource-aws is on the PATH")
    environment = {**os.environ, "PATH": path}
    with subprocess.Popen([plugin, *sys.argv[2:]], stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        channel = grpc.insecure_channel(f"127.0.0.1:{child.stdout.readline().strip()}", options=OPTIONS)
        server = grpc.server(futures.ThreadPoolExecutor(32), options=OPTIONS)
        server.add_generic_rpc_handlers((Proxy(channel),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        print(port, flush=True)
        child.wait()


if __name__ == "__main__":
    main()
