"""Receives Postdate's webhooks, with nothing but Python's standard library.

  WEBHOOK_SECRETS="whsec_..." python3 receive.py

Each event has its effect once, however often it is sent: the effect, the event's id and the answer to it are one
transaction. Settings: WEBHOOK_SECRETS (one or, while a secret is being changed, several), PORT, DATABASE (a file).
"""

import base64
import hmac
import json
import os
import sqlite3
import sys
import time
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# A signature that somebody has recorded is of no use after this; clocks may differ by as much.
TOLERANCE_SECONDS = 300
# An event has at most some 16 KB of payload; what is much larger is none.
MAX_BODY_BYTES = 256 * 1024
# A sender that stops in the middle must not keep a thread for ever.
ARRIVAL_TIMEOUT_SECONDS = 10

TABLES = """
    create table if not exists event (id text primary key, answer text);
    create table if not exists letter (reader text not null, text text not null);
"""


def handle(db, event):
    """The effects of an event, made in `db`; returns what is answered to a message that waits for an answer."""
    data = event["data"]
    if event["type"] == "payment-request.expired":
        write_to(db, data["payer"], f"{data['payee']}'s request for {data['amount']} {data['currency']} has expired")
    elif event["type"] == "invoice.reminder.due":
        return remind(db, data)
    # Any other event is none of our business, and is acknowledged all the same.
    return None


def remind(db, message):
    """A message of a topic without a handler, which is put on the stream when it is due: three reminders, a week apart."""
    payload = message["payload"]
    customer = payload.get("customer") if isinstance(payload, dict) else None
    if not customer:
        return {"do": "failed", "reason": "there is nobody to remind"}
    write_to(db, customer, f"invoice {message['key']} is still open")
    if message["cycle"] >= 3:
        return {"do": "done"}
    due_at = datetime.fromisoformat(message["dueAt"].replace("Z", "+00:00")) + timedelta(days=7)
    return {"do": "again", "dueAt": due_at.isoformat(timespec="milliseconds")}


def write_to(db, reader, text):
    db.execute("insert into letter (reader, text) values (?, ?)", (reader, text))


def secrets_from(text):
    keys = [base64.b64decode(secret.removeprefix("whsec_"), validate=True) for secret in text.split()]
    if not keys or any(len(key) < 24 for key in keys):
        raise SystemExit("WEBHOOK_SECRETS must be one or more secrets as the endpoint's registration printed them")
    return keys


def refusal_of(headers, body, keys, now):
    """Why a request is not from Postdate, or nothing if it is: Standard Webhooks, HMAC-SHA256 over id.timestamp.body."""
    name, sent, signatures = (headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    if not (sent.isascii() and sent.isdigit() and len(sent) <= 12) or abs(now - int(sent)) > TOLERANCE_SECONDS:
        return "the timestamp is too far from now"
    signed = f"{name}.{sent}.".encode() + body
    expected = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    given = [part.removeprefix("v1,").encode() for part in signatures.split() if part.startswith("v1,")]
    if not any(hmac.compare_digest(one, other) for one in expected for other in given):
        return "no signature of ours"
    return None


def once(database, event):
    """Handles an event unless its id is known; returns the answer to it, which is the same each time."""
    db = sqlite3.connect(database, timeout=10, isolation_level=None)
    try:
        # Taken before anything is read, so that of two copies at one time the second finds what the first has done.
        db.execute("begin immediate")
        known = db.execute("select answer from event where id = ?", (event["id"],)).fetchone()
        if known is None:
            known = (json.dumps(handle(db, event)),)
            db.execute("insert into event (id, answer) values (?, ?)", (event["id"], *known))
        db.execute("commit")
        return json.loads(known[0])
    finally:
        # What has not committed by now is rolled back, and comes again.
        db.close()


class Receiver(BaseHTTPRequestHandler):
    timeout = ARRIVAL_TIMEOUT_SECONDS

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not length.isdigit():
            return self.answer(411, {"error": "content-length is missing"})
        if int(length) > MAX_BODY_BYTES:
            return self.answer(413, {"error": "the body is too large"})
        body = self.rfile.read(int(length))
        refusal = refusal_of(self.headers, body, self.server.keys, time.time())
        if refusal:
            return self.answer(401, {"error": refusal})
        try:
            event = json.loads(body)
            answer = once(self.server.database, event)
        except Exception as error:  # Not acknowledged, so it is sent again.
            self.log_error("%s: %r", self.headers.get("webhook-id"), error)
            return self.answer(500, {"error": "not handled"})
        self.answer(204) if answer is None else self.answer(200, answer)

    def answer(self, status, body=None):
        # What was not read of a refused body would be taken for the next request.
        self.close_connection = True
        self.send_response(status)
        if body is None:
            return self.end_headers()
        text = json.dumps(body).encode()
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main():
    database = os.environ.get("DATABASE", "events.db")
    db = sqlite3.connect(database)
    db.executescript(TABLES)
    db.close()
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Receiver)
    server.keys = secrets_from(os.environ.get("WEBHOOK_SECRETS", ""))
    server.database = database
    print(f"listening on http://127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
