"""A client of agentpm.v1 as anybody would write it: python3 socket.py URL TOKEN, a JSON document on stdout."""

import json
import sys

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

url, token = sys.argv[1:]
CALLS = 300  # more than may be under way at once


def refusal(**how):
    """The HTTP status that a connection is refused with."""
    try:
        connect(url, proxy=None, **how).close()
        return None
    except InvalidStatus as refused:
        return refused.response.status_code


with_token = {"additional_headers": {"Authorization": f"Bearer {token}", "Agentpm-Agent": "python"}}
told = {
    "without_token": refusal(subprotocols=["agentpm.v1"]),
    "foreign_origin": refusal(subprotocols=["agentpm.v1"], origin="https://evil.example", **with_token),
    "other_subprotocol": refusal(subprotocols=["chat"], **with_token),
}

with connect(url, subprotocols=["agentpm.v1"], proxy=None, **with_token) as socket:
    told["subprotocol"] = socket.subprotocol

    def say(**frame):
        socket.send(json.dumps(frame))

    def hear(*ops):
        """The next frame with one of these ops."""
        while True:
            frame = json.loads(socket.recv(timeout=30))
            if frame["op"] in ops:
                return frame

    say(op="subscribe", sub="all", pql="SUBSCRIBE events FROM START", credit=2)
    told["subscribed"] = hear("subscribed")["position"]
    told["first"] = [hear("event")["event"]["position"] for _ in range(2)]
    say(op="ping")
    hear("pong")
    say(op="credit", sub="all", n=1_000_000)
    told["caught_up"] = hear("caught_up")["position"]

    # Pipelined: every call is on its way before the first answer is read.
    for n in range(CALLS):
        body = {"appends": [{"stream": f"python-{n}", "events": [{"type": "Called", "data": {"n": n}}]}]}
        say(op="request", req=str(n), method="POST", path="/append", body=body)
    answered, events = set(), []
    while len(answered) < CALLS or len(events) < CALLS:
        frame = hear("response", "event")
        if frame["op"] == "response":
            assert frame["status"] == 200, frame
            answered.add(frame["req"])
        else:
            events.append(frame["event"])
    told["answered"] = len(answered)
    told["positions"] = [event["position"] for event in events]
    told["agents"] = sorted({event["metadata"]["agent_id"] for event in events})

    say(op="dance")
    told["unknown"] = hear("error")["error"]["code"]
    socket.send(b"\x00\xff")
    told["binary"] = hear("error")["error"]["code"]
    say(op="unsubscribe", sub="all")
    told["closed"] = hear("closed")["reason"]

print(json.dumps(told))
