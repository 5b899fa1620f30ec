"""A grpcio client that is driven by lines of JSON: see ../wire-client.ts."""

import base64
import json
import sys
import threading

import grpc


def main(config_file: str, addresses: list[str]) -> None:
    with open(config_file, encoding="utf8") as file:
        config = file.read()
    options = [
        ("grpc.service_config", config),
        # Reconnects quickly, so that the calls of a test meet a gateway that was just started.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 500),
    ]
    lock = threading.Lock()
    running = threading.Semaphore(0)
    begun = 0

    def ended(order_id: int, future: grpc.Future) -> None:
        details = b""
        for key, value in future.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                details = value
        outcome = {
            "id": order_id,
            "code": future.code().value[0],
            "message": future.details() or "",
            "details": base64.b64encode(details).decode(),
        }
        with lock:
            print(json.dumps(outcome), flush=True)
        running.release()

    with grpc.insecure_channel(f"ipv4:{','.join(addresses)}", options) as channel:
        for line in sys.stdin:
            order = json.loads(line)
            call = channel.unary_unary(order["method"])
            future = call.future(
                base64.b64decode(order["request"]), timeout=order["timeoutMs"] / 1000
            )
            order_id = order["id"]
            future.add_done_callback(lambda done, order_id=order_id: ended(order_id, done))
            begun += 1
        for _ in range(begun):
            running.acquire()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
